import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { look } from "./testing/look.ts";
import { hangingPort, place } from "./testing/place.ts";

test("issuers' keys are judged: too short, for other algorithms, private, missing, and behind an address that hangs", async () => {
  const { env, root } = place();
  const pem = (name: string, text: string | Buffer) => {
    writeFileSync(join(root, name), text);
    return join(root, name);
  };
  const rsa = (modulusLength: number) =>
    generateKeyPairSync("rsa", { modulusLength }).publicKey.export({ type: "spki", format: "pem" });
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const port = await hangingPort();
  const issuers = [
    { keyFile: pem("good.pem", rsa(2_048)), algorithms: ["RS256"] },
    { keyFile: pem("short.pem", rsa(1_024)), algorithms: ["RS256"] },
    { keyFile: pem("ec.pem", ec.publicKey.export({ type: "spki", format: "pem" })), algorithms: ["ES384"] },
    { keyFile: pem("private.pem", ec.privateKey.export({ type: "pkcs8", format: "pem" })), algorithms: ["ES256"] },
    { keyFile: join(root, "nowhere.pem"), algorithms: ["ES256"] },
    { jwksUrl: `http://127.0.0.1:${port}/jwks`, algorithms: ["ES256"], jwksTimeoutMs: 200 },
  ];
  const file = pem(
    "issuers.json",
    JSON.stringify(issuers.map((issuer, at) => ({ issuer: `https://${at}`, tenants: ["one"], ...issuer }))),
  );
  const report = await look({ ...env, RETICENT_ISSUERS: file });
  const keys = report.lines
    .filter(({ name }) => name === "token-keys")
    .map(({ status, finding }) => `${status} ${finding}`);
  expect(keys).toEqual([
    expect.stringMatching(/^ok .*RSA 2048 for RS256/),
    expect.stringMatching(/^failed .*RSA 1024, at least 2048 bits/),
    expect.stringMatching(/^failed .*EC P-256\) is for ES384/),
    expect.stringMatching(/^failed .*holds a private key/),
    expect.stringMatching(/^failed .*no such file/),
    expect.stringMatching(/^failed .*no answer in time/),
  ]);
});
