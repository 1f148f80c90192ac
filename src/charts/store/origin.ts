/** Where a repository of charts is served from: one index, and the archives that it names. */

import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Cache } from '../../core/adapter.ts'
import type { Bytes } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { IntegrityError, RegistryError, ReplicateError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import type { HttpClient, HttpResponse } from '../../core/http.ts'
import type { ChartIndex } from '../index/index.ts'
import { packed, unpacked } from '../index/packed.ts'
import { readIndex } from '../index/read.ts'

export interface OriginOptions {
  readonly http: HttpClient
  /** For a URL on another host than the registry's; default: `http`, which sends no credential there. */
  readonly elsewhere?: (url: URL) => HttpClient
  /** The repository's URL, whose query goes along with every request to it. */
  readonly url: string
  readonly scopes?: readonly string[]
  /** Keeps the index and what was learned of its archives from run to run. */
  readonly cache?: Cache | undefined
}

/** How a server tells one state of a file from another. */
export interface Validators {
  readonly etag?: string
  readonly modified?: string
}

/** What was learned by reading an archive whose digest the index does not have, or has wrong. */
export interface Learned extends Validators {
  /** Where it was read. */
  readonly url: string
  readonly digest: Digest
  /** What the index said then. */
  readonly claimed?: Digest
}

export class Origin {
  readonly #options: OriginOptions
  readonly #base: URL
  readonly #key: string
  #learned: Promise<Map<string, Learned>> | undefined
  #isChanged = false

  constructor(options: OriginOptions) {
    this.#options = options
    this.#base = new URL(options.url)
    if (!this.#base.pathname.endsWith('/')) this.#base.pathname += '/'
    this.#key = createHash('sha256').update(this.#base.href).digest('hex')
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

  isHere(url: URL): boolean {
    return url.protocol === this.#base.protocol && url.host === this.#base.host
  }

  /** Asked for only where it has changed since the last run. */
  async readIndex(ctx: Context): Promise<ChartIndex> {
    const key = `index-${this.#key}`
    const kept: Kept | undefined = await this.#read(key, keptIn)
    const response = await this.#request(new URL(this.index), { expect: [200, 304], validators: kept }, ctx)
    if (response.status === 304 && kept) {
      await response.discard()
      return kept.index
    }
    const index = await explainedIndex(response)
    if (index.nameless > 0) {
      const text = `${this.index} has entries that name no chart or no version: ${index.nameless} are left out`
      ctx.emit({ type: 'log', level: 'warning', text })
    }
    const validators = validatorsOf(response)
    if (validators.etag ?? validators.modified) await this.#write(key, { ...validators, ...packed(index) })
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

  async learned(chart: string): Promise<Learned | undefined> {
    return (await this.#known()).get(chart)
  }

  async learn(chart: string, learned: Learned): Promise<void> {
    const known = await this.#known()
    known.set(chart, learned)
    this.#isChanged = true
  }

  /** Keeps what was learned. */
  async close(): Promise<void> {
    if (!this.#isChanged) return
    this.#isChanged = false
    await this.#write(`archives-${this.#key}`, { learned: [...(await this.#known())] })
  }

  #known(): Promise<Map<string, Learned>> {
    this.#learned ??= this.#read(`archives-${this.#key}`, learnedIn).then((found) => found ?? new Map())
    return this.#learned
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

  async #read<T>(key: string, read: (json: unknown) => T): Promise<T | undefined> {
    const bytes = await this.#options.cache?.read(key)
    if (!bytes) return undefined
    try {
      return read(JSON.parse(gunzipSync(bytes).toString('utf8')))
    } catch {
      // Written by another version, or damaged: it is made anew.
      return undefined
    }
  }

  async #write(key: string, json: unknown): Promise<void> {
    await this.#options.cache?.write(key, gzipSync(JSON.stringify(json), { level: 1 }))
  }
}

interface Kept extends Validators {
  readonly index: ChartIndex
}

/** Of JSON that this program has written, as all below. */
function keptIn(json: unknown): Kept | undefined {
  const index = unpacked(json)
  if (!index) return undefined
  const { etag, modified }: Validators = Object(json)
  return { index, ...(etag ? { etag } : {}), ...(modified ? { modified } : {}) }
}

function learnedIn(json: unknown): Map<string, Learned> {
  return new Map(Object(json).learned)
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

async function explainedIndex(response: HttpResponse): Promise<ChartIndex> {
  try {
    return await readIndex(decoded(response))
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
function decoded({ headers, body }: HttpResponse): Bytes {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  return encoding === 'gzip' || encoding === 'x-gzip' ? unzipped(body) : body
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
