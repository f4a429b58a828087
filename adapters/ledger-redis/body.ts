import { promisify } from "node:util";
import { constants, zstdCompress, zstdDecompress } from "node:zlib";
import { limits } from "#core/limits.ts";

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
// A flipped bit must not become another text.
const options = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

/** A body as the store holds it: the generation, a space, and the text's UTF-8 in zstd with its checksum. */
export async function packBody(generation: number, text: string): Promise<Buffer> {
  return (await bodyPacker(text))(generation);
}

/** Compresses a text once and packs it for any generation: which one it gets may change until it is written. */
export async function bodyPacker(text: string): Promise<(generation: number) => Buffer> {
  const compressed = await compress(Buffer.from(text), options);
  return (generation) => Buffer.concat([Buffer.from(`${generation} `), compressed]);
}

/**
 * The text behind {@link packBody}, or `undefined` when it is another generation's.
 * @throws when the bytes are not what was packed, or more text than any accepted body
 */
export async function unpackBody(bytes: Buffer, generation: number): Promise<string | undefined> {
  const space = bytes.indexOf(" ");
  if (bytes.subarray(0, Math.max(space, 0)).toString() !== String(generation)) return undefined;
  const text = await decompress(bytes.subarray(space + 1), { maxOutputLength: limits.bodyBytes });
  return text.toString();
}
