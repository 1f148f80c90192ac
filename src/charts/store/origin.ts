/** Where a repository of charts is served from: one index, and the archives that it names. */

import { createHash } from 'node:crypto'
import type { Cache } from '../../core/adapter.ts'
import type { Bytes } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import { IntegrityError, RegistryError, ReplicateError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import type { HttpClient, HttpResponse } from '../../core/http.ts'
import type { ChartIndex } from '../index/index.ts'
import { packed, unpacked } from '../index/packed.ts'
import { readIndex } from '../index/read.ts'
import { createKept, type Kept } from './kept.ts'

export interface OriginOptions {
  readonly http: HttpClient
  /** For a URL on another host than the registry's; default: `http`, which sends no credential there. */
  readonly elsewhere?: (url: URL) => HttpClient
  /** The repository's URL, whose query goes along with every request to it. */
  readonly url: string
  readonly scopes?: readonly string[]
  /** Says more of why the index cannot be read. */
  readonly explain?: (error: unknown) => unknown
  /** Keeps the index and what was learned of its archives from run to run. */
  readonly cache?: Cache | undefined
}

/** How a server tells one state of a file from another. */
export interface Validators {
  readonly etag?: string
  readonly modified?: string
}

export class Origin {
  readonly #options: OriginOptions
  readonly #base: URL
  /** What this repository keeps from run to run. */
  readonly kept: Kept
  /** Tells one state of the index from another: of the one that was read first, empty before that. */
  state = ''

  constructor(options: OriginOptions) {
    this.#options = options
    this.#base = new URL(options.url)
    if (!this.#base.pathname.endsWith('/')) this.#base.pathname += '/'
    this.kept = createKept(options.cache, createHash('sha256').update(this.#base.href).digest('hex'))
  }

  /** Where the index is. */
  get index(): string {
    return this.locate('index.yaml').href
  }

  /** A URL of the index as a whole one. Throws an `IntegrityError`. */
  locate(url: string): URL {
    const found = URL.parse(url, this.#base.href.replace(/\?.*$/, ''))
    if (!found) throw new IntegrityError(`${foreignName(url)} is not a URL`)
    if (this.isHere(found) && found.search === '') found.search = this.#base.search
    return found
  }

  /** The same in all spellings: some hosts take a `+` in a path for a space. */
  spellings(url: string): readonly URL[] {
    const found = this.locate(url)
    if (!found.pathname.includes('+')) return [found]
    const escaped = new URL(found)
    escaped.pathname = found.pathname.replaceAll('+', '%2B')
    return [found, escaped]
  }

  isHere(url: URL): boolean {
    return url.protocol === this.#base.protocol && url.host === this.#base.host
  }

  /** Asked for only where it has changed since the last run. */
  async readIndex(ctx: Context): Promise<ChartIndex> {
    const { explain } = this.#options
    return this.#readIndex(ctx).catch((error: unknown) => {
      throw explain ? explain(error) : error
    })
  }

  async #readIndex(ctx: Context): Promise<ChartIndex> {
    const kept = await this.kept.read('index', keptIn)
    const response = await this.#request(new URL(this.index), { expect: [200, 304], validators: kept }, ctx)
    if (response.status === 304 && kept) {
      await response.discard()
      this.state ||= kept.etag ?? kept.modified ?? ''
      return kept.index
    }
    const hash = createHash('sha256')
    const index = await explainedIndex(response, (chunk) => hash.update(chunk))
    if (index.nameless > 0) {
      const text = `${this.index} has entries that name no chart or no version: ${index.nameless} are left out`
      ctx.emit({ type: 'log', level: 'warning', text })
    }
    const validators = validatorsOf(response)
    const told = validators.etag ?? validators.modified
    this.state ||= told ?? hash.digest('hex')
    if (told) await this.kept.write('index', { ...validators, ...packed(index) })
    return index
  }

  /** The bytes at a URL of the index; undefined where `expect` lets an absence be an answer. */
  async read(
    url: URL,
    expect: readonly number[],
    validators: Validators | undefined,
    ctx: Context,
  ): Promise<HttpResponse> {
    return this.#request(url, { expect, validators }, ctx)
  }

  async #request(
    url: URL,
    { expect, validators }: { readonly expect: readonly number[]; readonly validators: Validators | undefined },
    ctx: Context,
  ): Promise<HttpResponse> {
    const { http, elsewhere = () => http, scopes = [] } = this.#options
    const client = this.isHere(url) ? http : elsewhere(url)
    const headers = {
      ...(validators?.etag ? { 'if-none-match': validators.etag } : {}),
      ...(validators?.modified && !validators.etag ? { 'if-modified-since': validators.modified } : {}),
    }
    return client.request({ method: 'GET', url: url.href, headers, expect, scopes, isBlob: true }, ctx)
  }
}

interface KeptIndex extends Validators {
  readonly index: ChartIndex
}

/** Of JSON that this program has written, as all below. */
function keptIn(json: unknown): KeptIndex | undefined {
  const index = unpacked(json)
  if (!index) return undefined
  const { etag, modified }: Validators = Object(json)
  return { index, ...(etag ? { etag } : {}), ...(modified ? { modified } : {}) }
}

export function validatorsOf({ headers }: HttpResponse): Validators {
  const { etag, 'last-modified': modified } = headers
  return { ...(etag ? { etag } : {}), ...(modified ? { modified } : {}) }
}

/** True where both say so of one state. */
export function isSameState(a: Validators, b: Validators): boolean {
  if (a.etag !== undefined || b.etag !== undefined) return a.etag === b.etag
  return a.modified !== undefined && a.modified === b.modified
}

/** `seen` is told each chunk as the server sent it. */
async function explainedIndex(response: HttpResponse, seen: (chunk: Uint8Array) => void): Promise<ChartIndex> {
  try {
    return await readIndex(decoded(response, seen))
  } catch (error) {
    await response.discard()
    if (!(error instanceof IntegrityError)) throw error
    const { pathname } = new URL(response.url)
    throw new RegistryError(`${pathname} is not an index of charts: ${error.message}`, {
      cause: error,
      status: response.status,
      method: 'GET',
      path: pathname,
      retryable: false,
      hint: 'url: is the repository as `helm repo add` takes it, the directory of index.yaml',
    })
  }
}

/** Some hosts compress, although they were asked not to. */
function decoded({ headers, body }: HttpResponse, seen: (chunk: Uint8Array) => void): Bytes {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  const watched = async function* (): Bytes {
    for await (const chunk of body) {
      seen(chunk)
      yield chunk
    }
  }
  return encoding === 'gzip' || encoding === 'x-gzip' ? unzipped(watched()) : watched()
}

async function* unzipped(body: Bytes): Bytes {
  const { createGunzip } = await import('node:zlib')
  const { Readable } = await import('node:stream')
  const copies = async function* (): AsyncIterable<Buffer> {
    for await (const chunk of body) yield Buffer.from(chunk)
  }
  try {
    yield* Readable.from(copies()).pipe(createGunzip())
  } catch (cause) {
    if (cause instanceof ReplicateError) throw cause
    throw new IntegrityError('its encoding is damaged', { cause })
  }
}
