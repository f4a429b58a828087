import type { Asked } from "./asking.ts";
import { withoutRandom } from "./asking.ts";
import type { MappedUser } from "./mapping.ts";
import type { World } from "./world.ts";

/** A response that hidden documents changed. */
export interface Mismatch {
  readonly user: string;
  readonly query: string;
  readonly tenant: string;
  /** Around the first differing character: with all documents, and with the user's own. */
  readonly with_hidden: string;
  readonly without_hidden: string;
}

/** What comparing with instances that hold nothing hidden came to. */
export interface IsolationFigures {
  readonly users: number;
  readonly responses: number;
  readonly mismatches: readonly Mismatch[];
}

/** The places at which two texts begin to differ, with some characters around; `undefined` when they are equal. */
export function firstDifference(a: string, b: string, around = 60): { a: string; b: string } | undefined {
  if (a === b) return undefined;
  let at = 0;
  while (at < Math.min(a.length, b.length) && a[at] === b[at]) at++;
  const cut = (text: string) => `…${text.slice(Math.max(0, at - around), at + around)}…`;
  return { a: cut(a), b: cut(b) };
}

/**
 * Asks the same questions of an instance that was given only this user's visible documents, and compares the responses byte by byte.
 * @param asked what the user got from the instance with all documents, with the responses kept.
 */
export async function checkUser(
  world: Pick<World, "mapping" | "start">,
  user: MappedUser,
  asked: readonly Asked[],
  done: () => void,
): Promise<{ responses: number; mismatches: readonly Mismatch[] }> {
  // The policy folder is the same one, so that nothing but the documents differs.
  const instance = await world.start();
  try {
    const homes = new Set(user.tokens.map(({ tenant }) => tenant));
    await instance.load(
      world.mapping.documents
        .filter((document) => user.visible.has(document.id))
        .map((document) => ({ ...document, tenants: document.tenants.filter((tenant) => homes.has(tenant)) })),
    );
    const tokens = await instance.tokensOf(user);
    const mismatches: Mismatch[] = [];
    let responses = 0;
    for (const { query, responses: kept } of asked) {
      for (const [at, { tenant, token }] of tokens.entries()) {
        const { reply } = await instance.api.retrieve(query.text, token);
        const difference = firstDifference(kept[at] ?? "", withoutRandom(reply.status, reply.body));
        responses++;
        if (difference !== undefined) {
          mismatches.push({
            user: user.id,
            query: query.id,
            tenant,
            with_hidden: difference.a,
            without_hidden: difference.b,
          });
        }
      }
      done();
    }
    return { responses, mismatches };
  } finally {
    await instance.close();
  }
}
