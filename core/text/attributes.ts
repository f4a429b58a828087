import { type Token, Tokenizer } from "parse5";

/**
 * The attributes of one tag as a browser reads them: entities decoded, the first of a name counts.
 * @param name the tag's name
 * @param source what stands between the name and the closing `>`
 */
export function attributesOf(name: string, source: string): ReadonlyMap<string, string> {
  let found: ReadonlyMap<string, string> = new Map();
  const ignore = (): void => {};
  const tokenizer = new Tokenizer(
    { sourceCodeLocationInfo: false },
    {
      onStartTag: (tag: Token.TagToken) => {
        found = new Map(tag.attrs.map((attribute) => [attribute.name, attribute.value]));
      },
      onEndTag: ignore,
      onComment: ignore,
      onDoctype: ignore,
      onEof: ignore,
      onCharacter: ignore,
      onNullCharacter: ignore,
      onWhitespaceCharacter: ignore,
    },
  );
  tokenizer.write(`<${name}${source}>`, true);
  return found;
}
