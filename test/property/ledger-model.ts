import type { Access } from "#core/access/acl.ts";
import { nobody, sameAccess } from "#core/access/acl.ts";
import { isVisible, type VisibilityFilter } from "#core/access/visible.ts";
import type { DocumentKey } from "#core/document.ts";
import type { ErrorCode } from "#core/errors.ts";

/** What the model knows of a document: as little as explains what everybody may see. */
export interface ModelDocument {
  /** Of the wanted content, or of the tombstone. */
  version: number;
  isDeleted: boolean;
  request: string;
  access: Access;
  revision: number;
  generation: number;
  live: number | undefined;
  /** Every access that was wanted since the live content was: none of them may be stepped over. */
  restrictions: Access[];
  hasFailed: boolean;
  /** The index was found without the live content. */
  isLost: boolean;
}

/** A document comes in. */
export interface ModelPut {
  readonly version: number;
  readonly body: string;
  readonly access: Access;
  readonly mayShare: boolean;
  readonly expected: number | undefined;
}

/** Written from the promises of the port, without a look at how the ledger keeps them. */
export class LedgerModel {
  readonly documents = new Map<string, ModelDocument>();

  put(id: string, put: ModelPut): string | ErrorCode {
    const known = this.documents.get(id);
    const request = JSON.stringify([put.body, put.access]);
    if (known !== undefined) {
      if (put.version < known.version) return "ignored";
      if (put.version === known.version) {
        if (known.isDeleted) return "ignored";
        return known.request === request ? "unchanged" : "version-conflict";
      }
    }
    if (put.expected !== undefined && put.expected !== (known?.revision ?? 0)) return "revision-mismatch";
    const creates = known === undefined || known.isDeleted;
    const moves = creates || !sameAccess(known.access, put.access);
    if (moves && !put.mayShare) return "forbidden";
    const document: ModelDocument = known ?? {
      version: 0,
      isDeleted: false,
      request: "",
      access: nobody,
      revision: 0,
      generation: 0,
      live: undefined,
      restrictions: [],
      hasFailed: false,
      isLost: false,
    };
    this.documents.set(id, document);
    if (moves) {
      document.revision += 1;
      document.access = put.access;
      document.restrictions.push(put.access);
    }
    document.version = put.version;
    document.request = request;
    document.isDeleted = false;
    document.hasFailed = false;
    document.generation += 1;
    return creates ? "created" : "updated";
  }

  access(id: string, access: Access, expected: number | undefined): string | ErrorCode {
    const known = this.documents.get(id);
    if (known === undefined || known.isDeleted) return "not-found";
    if (expected !== undefined && expected !== known.revision) return "revision-mismatch";
    if (sameAccess(known.access, access)) return "done";
    known.access = access;
    known.revision += 1;
    // Live content that is wanted follows; older content stays under what it had, too.
    if (known.live === known.generation) known.restrictions = [access];
    else known.restrictions.push(access);
    return "done";
  }

  delete(id: string, version: number): string | ErrorCode {
    const known = this.documents.get(id);
    if (known === undefined) return "not-found";
    if (version < known.version) return "ignored";
    if (known.isDeleted && version === known.version) return "unchanged";
    if (!sameAccess(known.access, nobody)) known.revision += 1;
    Object.assign(known, {
      version,
      isDeleted: true,
      access: nobody,
      live: undefined,
      hasFailed: false,
      isLost: false,
    });
    known.restrictions = [];
    return "deleted";
  }

  publish(id: string, generation: number, revision: number): string {
    const known = this.documents.get(id);
    if (known === undefined || known.isDeleted || known.generation !== generation) return "stale";
    if (known.revision !== revision) return "access-moved";
    known.live = generation;
    known.restrictions = [known.access];
    known.hasFailed = false;
    known.isLost = false;
    return "published";
  }

  lose(id: string, generation: number): void {
    const known = this.documents.get(id);
    if (known?.live !== undefined && known.live === generation) known.isLost = true;
  }

  fail(id: string, generation: number): void {
    const known = this.documents.get(id);
    if (known === undefined || known.isDeleted || known.generation !== generation) return;
    known.hasFailed = true;
    // Nothing can bring it back.
    if (known.isLost) Object.assign(known, { live: undefined, isLost: false, restrictions: [] });
  }

  /**
   * Whether a caller may open the live text. `undefined` = the promises leave it open: after several changes of access before
   * the newer content was live, the ledger may be narrower than the exact intersection.
   */
  opens(key: DocumentKey, filter: VisibilityFilter): boolean | undefined {
    const known = this.documents.get(key.id);
    if (known?.live === undefined) return false;
    if (!known.restrictions.every((access) => isVisible({ ...key, access }, filter))) return false;
    return known.restrictions.length <= 2 ? true : undefined;
  }
}
