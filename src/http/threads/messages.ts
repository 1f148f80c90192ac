/** The messages between this thread and a carrier's thread. An `id` is of a request or a hash. Chunks in shared memory are not copied. */

import type { AgentOptions } from '../proxy/agent.ts'

export type ToCarrier = Send | Hashing | Passing

export interface Send {
  readonly type: 'send'
  readonly id: number
  readonly options: AgentOptions
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly silence: number | undefined
  /** Of the body, in bytes. The thread asks for the body by `pull`. */
  readonly size: number | undefined
}

/** A hash is made when it is first named. */
export interface HashName {
  readonly id: number
  readonly algorithm: string
}

export type Hashing =
  | (HashName & { readonly type: 'update'; readonly chunk: Uint8Array; readonly offset: number })
  | (HashName & { readonly type: 'digest' | 'forget' })

export type Passing =
  /** Answers `pull`: the next of the request's body, undefined at its end. */
  | { readonly type: 'chunk'; readonly id: number; readonly chunk: Uint8Array | undefined }
  /** Answers `pull`: the body cannot be read on. */
  | { readonly type: 'broken'; readonly id: number }
  /** Asks for the next chunk of the answer's body. */
  | { readonly type: 'read'; readonly id: number }
  | Copy
  /** The rest of the answer is not wanted, or the whole request. */
  | { readonly type: 'stop' | 'abort'; readonly id: number }

/** Asks that bytes of the answer to the request `id` become the body of the request `to`. */
export interface Copy {
  readonly type: 'copy'
  readonly id: number
  /** Its `pull` is still to be answered, and stays so. */
  readonly to: number
  readonly hash: (HashName & { readonly offset: number }) | undefined
  /** In bytes; one chunk more may be copied. */
  readonly limit: number
}

export type FromCarrier =
  | {
      readonly type: 'head'
      readonly id: number
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
    }
  /** Asks for the next chunk of the request's body, or for no more of them. */
  | { readonly type: 'pull' | 'enough'; readonly id: number }
  /** Answers `read`; undefined at the end. */
  | { readonly type: 'bytes'; readonly id: number; readonly chunk: Uint8Array | undefined }
  /** Answers `copy`. Why it ended is told by the next `read`. */
  | { readonly type: 'copied'; readonly id: number; readonly bytes: number }
  | { readonly type: 'failed'; readonly id: number; readonly failure: Failure }
  | { readonly type: 'digest'; readonly id: number; readonly hex: string; readonly length: number }

/** An error on its way between threads. */
export interface Failure {
  /** `body`: the request's body broke, and the thread that reads it knows why; `network`: a `NetworkError`; `socket`: an error of Node's. */
  readonly kind: 'body' | 'network' | 'socket'
  readonly message: string
  readonly code?: string | undefined
  readonly retryable?: boolean | undefined
  readonly silent?: boolean | undefined
  readonly hint?: string | undefined
}
