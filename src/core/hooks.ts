/** How the registries of a type send webhooks, and what proves where a delivery comes from. */

import type { EventKind } from './policy.ts'

export interface HookFacts {
  /** What its webhooks tell. */
  readonly events: readonly EventKind[]
  /** How it is set up, for `adapters show`. `URL` stands for the address of the hook, `SECRET` for the registry's `hook_secret`. */
  readonly setup: string
  /** Where such a registry puts the secret as it is, besides `Authorization` and the URL: a header, in lower case. */
  readonly header?: string
  /** A header, in lower case, with the HMAC-SHA256 of the body in hex, with or without `sha256=` before it. Where `header` is another one or
   *  absent, nothing else proves a delivery. */
  readonly signature?: string
  /** The option of a registry that says that `Adapter.verifyDelivery` checks its deliveries: then no `hook_secret` is needed. */
  readonly verifiedBy?: string
  /** A delivery may come as a form, with its JSON in the field `payload`. */
  readonly form?: true
}

/** What a request is answered that only asks whether this hook is meant. */
export interface HookGreeting {
  /** Sent with status 200. */
  readonly answer?: Readonly<Record<string, string>>
  /** What somebody has to do now, for the log. */
  readonly note?: string
}
