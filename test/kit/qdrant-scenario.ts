import { type Access, nobody } from "#core/access/acl.ts";
import type { SearchFilter, VectorIndex } from "#core/ports/index.ts";
import type { Quality } from "#core/trust/quality.ts";
import { caller, direction, fingerprint, generationOf, keyOf, queryFor } from "#test/contract/index/world.ts";
import { noQuality, plainTrust } from "./documents.ts";

const everyone: Access = { ...nobody, grants: ["everyone"] };
const finance: Access = { ...nobody, grants: ["group:finance"], denies: ["user:eve"] };
const now = Date.parse("2026-06-01T00:00:00.000Z");

/**
 * A short life of an index that uses every kind of request: writing, placing, searching with and without the quality gates, reading, withdrawing,
 * erasing.
 * @returns what the index answered, to be compared with a recorded run
 */
export async function qdrantScenario(index: VectorIndex): Promise<readonly unknown[]> {
  const put = async (
    id: string,
    words: string,
    degrees: number,
    access: Access,
    quality: Partial<Quality> = {},
    generation = 1,
  ) => {
    const chunks = words.split("|").map((text, i) => ({ words: text.split(" "), vector: direction(degrees + i) }));
    const key = keyOf(id);
    await index.write({ ...generationOf(key, chunks, generation), quality: { ...noQuality, ...quality } });
    return index.placeAccess?.({ key, generation, fingerprint, chunkCount: chunks.length }, [access], generation);
  };
  const placed = [
    await put("a", "sensor tower|battery", 10, everyone),
    await put("b", "tower tower", 120, everyone, { updatedAt: "2026-05-01T00:00:00.000Z", owner: "ann" }),
    await put("c", "sensor", 30, finance),
    await put("d", "sensor gate", 40, everyone, { supersedes: [{ source: "wiki", id: "b" }] }),
    await put("a", "sensor mast", 12, everyone, {}, 2),
  ];
  await index.withdraw?.(keyOf("a"), 2, fingerprint);
  const search = (filter: SearchFilter, terms = ["sensor", "tower", "absent"]) =>
    index.search({ ...queryFor(terms, { filter }), density: true });
  const labels = { ...caller("group:finance"), conditions: { labels: ["l"], updatedAfter: "2026-01-01" } };
  const eligible = { ...caller(), eligible: { trust: plainTrust, now } };
  const searched = [
    await search(caller()),
    await search(caller("group:finance")),
    await search(labels),
    await search(eligible, []),
  ];
  const chunks = searched.flatMap(({ hits }) => hits.map(({ chunkId }) => chunkId));
  const texts = [...(await index.texts(chunks, fingerprint))];
  const documents = await index.documents(fingerprint, eligible, { limit: 10 });
  // "d" replaces "b".
  const chosen = searched.at(-1)?.statistics.chunks ?? 0;
  const heldBack = [
    await index.holdsBack(fingerprint, eligible, chosen),
    await index.holdsBack(fingerprint, caller(), 3),
  ];
  await index.remove(keyOf("a"), 1, fingerprint);
  return [...placed, ...searched, texts, documents, heldBack, await search(caller())];
}
