/** The oldest server that may be used, as `major.minor`. */
export const oldestVersion = "1.19";

/**
 * Refuses a server that is too old: before 1.19, a replay of the write-ahead log could bring deleted points back, an empty `min_should` matched
 * everything, conditional writes were not resolved in the order of the log, and the idf of a query could not be taken over its own filter.
 * @throws Error that names the version
 */
export function checkVersion(version: string): void {
  const [, major, minor] = /^(\d+)\.(\d+)\.\d+/.exec(version) ?? [];
  const [leastMajor = 0, leastMinor = 0] = oldestVersion.split(".").map(Number);
  const isNew = Number(major) > leastMajor || (Number(major) === leastMajor && Number(minor) >= leastMinor);
  if (!isNew) throw new Error(`the server is Qdrant ${JSON.stringify(version)}; at least ${oldestVersion} is needed`);
}
