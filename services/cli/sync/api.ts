import { z } from "zod";
import { accessOf, aclOf } from "#core/access/acl.ts";
import { limits } from "#core/limits.ts";
import { frontMatterClaims } from "#core/trust/trust-policy.ts";
import { type DocumentStatus, documentStatusSchema } from "#services/indexer/status.ts";
import { type HttpClient, path } from "../http-client.ts";
import { CommandError } from "../terminal.ts";
import type { PreparedDocument, SourceRules } from "./prepare.ts";

const sourcesSchema = z.object({
  sources: z.array(z.object({ source: z.string(), front_matter: z.array(z.enum(frontMatterClaims)) })),
  labels: z.array(z.string()),
});
const pageSchema = z.object({ documents: z.array(documentStatusSchema), next_cursor: z.string().nullable() });
const putSchema = z.object({
  outcome: z.enum(["created", "updated", "unchanged", "ignored"]),
  document: documentStatusSchema,
});
const deleteSchema = z.object({
  outcome: z.enum(["deleted", "unchanged", "ignored"]),
  document: documentStatusSchema,
});

/** What front matter may claim in a source, and the labels there are. @throws CommandError when the token may not write there. */
export async function sourceRules(client: HttpClient, source: string): Promise<SourceRules> {
  const { sources, labels } = await client.request({
    method: "GET",
    path: "/v1/sources",
    servedBy: "indexer",
    schema: sourcesSchema,
  });
  const found = sources.find((candidate) => candidate.source === source);
  if (found === undefined) {
    const others = sources.length === 0 ? "none" : sources.map((candidate) => candidate.source).join(", ");
    throw new CommandError(`this token may not write to source "${source}" (it may write to: ${others})`);
  }
  return { source, claims: new Set(found.front_matter), labels: new Set(labels) };
}

/** Every document that the ledger knows of a source, deleted ones included, by id. */
export async function storedDocuments(client: HttpClient, source: string): Promise<Map<string, DocumentStatus>> {
  const byId = new Map<string, DocumentStatus>();
  let cursor: string | undefined;
  do {
    const page = await client.request({
      method: "GET",
      path: "/v1/documents",
      query: { source, state: "stored", limit: String(limits.pageSize), cursor },
      schema: pageSchema,
    });
    for (const status of page.documents) byId.set(status.id, status);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return byId;
}

/** Sends a document; with `wait` the answer comes once it is searchable or has failed, or the service's own patience ends. */
export function putDocument(
  client: HttpClient,
  source: string,
  document: PreparedDocument,
  put: { readonly version: number; readonly accessRevision: number; readonly wait: boolean },
) {
  return client.request({
    method: "PUT",
    path: path("v1", "documents", source, document.id),
    query: put.wait ? { wait: "true" } : {},
    body: { ...document.request, version: put.version },
    ifMatch: put.accessRevision,
    schema: putSchema,
  });
}

/** Sends access list and labels alone. */
export function putAccess(client: HttpClient, source: string, document: PreparedDocument, accessRevision: number) {
  const access = accessOf(document.request.acl, document.request.labels);
  return client.request({
    method: "PUT",
    path: path("v1", "documents", source, document.id, "acl"),
    body: { acl: aclOf(access), labels: access.labels },
    ifMatch: accessRevision,
    schema: z.object({ document: documentStatusSchema }),
  });
}

/** Deletes a document up to a version. */
export function deleteDocument(client: HttpClient, source: string, id: string, version: number) {
  return client.request({
    method: "DELETE",
    path: path("v1", "documents", source, id),
    query: { version: String(version) },
    schema: deleteSchema,
  });
}
