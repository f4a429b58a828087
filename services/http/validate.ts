import { z } from "zod";
import { AppError, limitExceeded } from "#core/errors.ts";

/**
 * Names under which requests try to say who is asking, written without case and separators. Wherever a schema does not declare such a
 * key itself, it is refused by name: silently dropped, it would leave its sender in the belief that it counted.
 */
const identityKeys: ReadonlySet<string> = new Set(
  [
    "user users userid username useremail email principal principals principalid tenant tenants tenantid tenantname organization org",
    "group groups groupids role roles sub subject subjectid act actas acting actingas actor actors agent agents agentid onbehalfof",
    "behalfof identity caller callerid token accesstoken authorization bearer jwt claims impersonate runas effectiveuser",
  ].flatMap((line) => line.split(" ")),
);

/**
 * Parses a request body.
 * @throws AppError `identity-in-request`, `limit-exceeded`, `acl-required`, `acl-too-large`, `invalid-request`, each with a JSON pointer
 */
export function parseBody<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  return parse(schema, body ?? {}, "");
}

/**
 * Parses a query string, as Fastify gives it: a parameter that is given twice is a list, and so refused by a schema of strings.
 * @throws AppError as {@link parseBody}; the pointer names the parameter.
 */
export function parseQuery<S extends z.ZodType>(schema: S, query: unknown): z.output<S> {
  return parse(schema, query, "?");
}

/** For routes without parameters in the query string. */
export const noQuery = z.strictObject({});

function parse<S extends z.ZodType>(schema: S, value: unknown, where: "" | "?"): z.output<S> {
  refuseIdentity(schema, value, where);
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw errorOf(parsed.error.issues, where);
}

function refuseIdentity(schema: z.ZodType, value: unknown, where: "" | "?"): void {
  refuseIdentityKeys(value, schema instanceof z.ZodObject ? Object.keys(schema.shape) : [], where);
}

/**
 * Refuses a body or query string that says who is asking at its top level.
 * @param declared names that mean something else here
 * @throws AppError `identity-in-request`
 */
export function refuseIdentityKeys(value: unknown, declared: readonly string[], where: "" | "?"): void {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    if (declared.includes(key) || !identityKeys.has(key.toLowerCase().replaceAll(/[^a-z]/g, ""))) continue;
    throw new AppError("identity-in-request", {
      detail: "who is asking comes from the token only",
      pointer: pointerOf([key], where),
    });
  }
}

type Issue = z.core.$ZodIssue;

/** One issue is told, the most telling one: an exceeded limit before a wrong shape. */
function errorOf(issues: readonly Issue[], where: "" | "?"): AppError {
  const all = issues.flatMap(flattened);
  const issue = all.find((one) => one.code === "too_big") ?? all[0];
  if (issue === undefined) return new AppError("invalid-request");
  const pointer = pointerOf(issue.path, where);
  if (issue.path.join("/") === "acl") {
    if (issue.code === "too_big") {
      const max = Number(issue.maximum);
      return new AppError("acl-too-large", {
        detail: `acl: at most ${max} entries`,
        limit: { name: "acl", max },
        pointer,
      });
    }
    if (issue.input === undefined || issue.input === null) return new AppError("acl-required", { pointer });
  }
  if (issue.code === "too_big") {
    return limitExceeded(fieldName(issue.path), Number(issue.maximum), unitOf(issue.origin), pointer);
  }
  return new AppError("invalid-request", { detail: issue.message.slice(0, 300), pointer });
}

/** The issues inside a union's branches say more than that no branch fits. */
function flattened(issue: Issue): Issue[] {
  if (issue.code !== "invalid_union") return [issue];
  const inner = issue.errors.flatMap((branch) => branch.flatMap(flattened));
  const deepest = inner.filter((one) => one.path.length > 0 || one.code === "too_big");
  return [...deepest.map((one): Issue => ({ ...one, path: [...issue.path, ...one.path] })), issue];
}

const fieldName = (path: readonly PropertyKey[]): string =>
  path.filter((part) => typeof part === "string").join(".") || "request";

function unitOf(origin: string): string {
  if (origin === "string") return "characters";
  return origin === "array" || origin === "set" ? "entries" : "(value)";
}

/** Where something stands, cut to 300 characters: RFC 6901 for a body (`""`), `?name` for a parameter (`"?"`). */
export function pointerOf(path: readonly PropertyKey[], where: "" | "?"): string {
  if (where === "?") return `?${path.map(String).join(".")}`.slice(0, 300);
  return path
    .map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("")
    .slice(0, 300);
}
