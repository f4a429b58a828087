/** What stands where a secret stood. */
const hidden = "[secret]";

/** Variables whose whole value is a secret: keys and tokens, of whatever comes to be added. */
const secretNames = /(API_KEY|TOKEN|PASSWORD|SECRET)$/;

/** Shorter ones are parts of ordinary words, and taken out only where they stand alone. */
const telling = 6;

/** Everything in an environment that must not be shown, longest first: keys, tokens, and passwords inside URLs. */
export function secretsIn(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const secrets = new Set<string>();
  const add = (value: string | undefined): void => {
    if (value === undefined || value.trim() === "") return;
    secrets.add(value);
    secrets.add(value.trim());
  };
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith("RETICENT_") || value === undefined) continue;
    if (secretNames.test(name)) add(value);
    for (const part of credentialsIn(value)) add(part);
  }
  return [...secrets].toSorted((a, b) => b.length - a.length);
}

/** The password of a URL as it was written and as it was meant, and its query's values: keys stand there as well. */
function credentialsIn(text: string): readonly string[] {
  // Also of what is not quite a URL: a mistake in it does not make its password public.
  const written = /^[a-z][a-z0-9+.-]*:\/\/(?:([^@/]*):)?([^@]*)@/i.exec(text);
  const url = URL.parse(text);
  const found = [written?.[2], url?.password, ...(url === null ? [] : [...url.searchParams.values()])];
  return found.flatMap((part) => {
    if (part === undefined || part === "") return [];
    const meant = decoded(part);
    return [...new Set([part, meant, encodeURIComponent(meant)])];
  });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A text without any of the secrets, wherever they came from: the last guard, behind findings that are made without them. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  if (secrets.length === 0) return (text) => text;
  const forms = secrets.map((secret) => {
    const literal = secret.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    return secret.length >= telling ? literal : `(?<![\\p{L}\\p{N}])${literal}(?![\\p{L}\\p{N}])`;
  });
  // In one pass, so that nothing is found in what stands for another one.
  const any = new RegExp(forms.join("|"), "gu");
  return (text) => text.replaceAll(any, () => hidden);
}

/** A server's address as it may be shown: without user, password, query and fragment. */
export function placeOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? "its address" : `${parsed.protocol}//${parsed.host}${parsed.pathname.replace(/\/$/, "")}`;
}
