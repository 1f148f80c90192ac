/** Who may come in: the registry must be known, and a delivery must prove that it comes from it. */

import type { FastifyRequest } from 'fastify'
import type { AdapterType, Delivery } from '../../core/adapter.ts'
import { ConfigurationError, CredentialError, ReplicateError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import type { Registry } from '../../core/registry.ts'
import type { Endpoint } from '../../engine/endpoint.ts'
import { addressOf } from '../http/address.ts'
import { createGuesses } from '../http/guesses.ts'
import type { Daemon } from '../parts.ts'
import { bodySigned, type Proof, secretShown } from './proof.ts'
import { later, Refusal } from './refusal.ts'

/** A request for a registry that takes webhooks. */
export interface Visit {
  readonly registry: Registry
  readonly type: AdapterType
  readonly headers: Delivery['headers']
  readonly url: string
  readonly address: string
}

export interface Door {
  /** Throws a `Refusal` where nothing is taken for that registry. */
  visit(request: FastifyRequest): Promise<Visit>
  /** Before the body is read: true where the delivery is proven to be from its registry, false where its body must prove it. Throws a `Refusal`
   *  for one that is not. */
  prove(visit: Visit): Promise<boolean>
  /** The same by a signature of the body. */
  proveBody(visit: Visit, body: Uint8Array): void
}

/** Seconds after which a daemon that ends is back, or another in its place. */
const PAUSE = 10
/** Milliseconds that a vendor may take to give the keys that tell whether a token is its own. */
const PATIENCE = 10_000

export function createDoor(daemon: Daemon): Door {
  const guesses = createGuesses(daemon.program.clock)
  /** Their adapters remember the vendor's keys. */
  const opened = new WeakMap<Registry, Promise<Endpoint>>()

  function open(registry: Registry): Promise<Endpoint> {
    const known = opened.get(registry) ?? daemon.program.open(registry)
    opened.set(registry, known)
    known.catch(() => opened.delete(registry))
    return known
  }

  /** A wrong secret counts; none at all does not: some senders wait to be asked for it. */
  function denied(address: string, message: string, proof: Proof): Refusal {
    if (proof === 'wrong') guesses.wrong(address)
    const headers = { 'www-authenticate': 'Basic realm="replicate", Bearer realm="replicate"' }
    return new Refusal(401, message, { headers })
  }

  async function proveToken({ registry, headers, address }: Visit): Promise<void> {
    const signal = AbortSignal.any([daemon.signal, AbortSignal.timeout(PATIENCE)])
    try {
      const { adapter } = await open(registry)
      await adapter.verifyDelivery?.(headers, { signal, emit: () => {} })
    } catch (cause) {
      if (cause instanceof CredentialError) throw denied(address, cause.message, cause.missing ? 'missing' : 'wrong')
      if (cause instanceof ConfigurationError) throw new Refusal(403, cause.message, { hint: cause.hint, cause })
      if (cause instanceof ReplicateError) throw later('the delivery could not be checked; send it again', PAUSE, cause)
      throw cause
    }
  }

  return {
    async visit(request) {
      if (daemon.draining()) throw later('replicate is ending; send it again', PAUSE)
      const { configuration, settings } = daemon.current()
      const name = nameIn(request)
      const registry = configuration.registries.get(name)
      if (!registry) {
        throw new Refusal(404, `there is no registry ${JSON.stringify(foreignName(name))} in the configuration`, {
          hint: 'the path is /hooks/NAME, with the name that the configuration has under `registries`',
        })
      }
      const type = await daemon.program.typeOf(registry)
      if (!type.parseEvents) throw new Refusal(404, `registries of type ${registry.type} send no webhooks`)
      const { url } = request
      return { registry, type, headers: flat(request), url, address: addressOf(request, settings.behind_proxy) }
    },
    async prove(visit) {
      const { registry, type, headers, address, url } = visit
      const { hook_secret: secret } = registry
      const facts = type.hooks
      if (needsSecret(registry, type)) throw unprepared(registry.name)
      const wait = guesses.wait(address)
      if (wait > 0) {
        const headers = { 'retry-after': String(wait) }
        throw new Refusal(429, 'too many wrong secrets came from this address', { headers })
      }
      if (isVerified(registry, type)) {
        await proveToken(visit)
        return true
      }
      if (secret === undefined || secret === 'none') return true
      const { signature, header } = facts ?? {}
      const mayBeSigned = signature !== undefined && headers[signature] !== undefined
      if (signature !== undefined && header !== signature) {
        if (!mayBeSigned) throw denied(address, `the delivery has no signature (${signature})`, 'missing')
        return false
      }
      const proof = secretShown(headers, url, secret.reveal(), facts)
      if (proof === 'right') return true
      if (mayBeSigned) return false
      throw denied(address, proof === 'wrong' ? 'the secret is wrong' : 'the delivery has no secret', proof)
    },
    proveBody({ registry, type, headers, address }, body) {
      const { hook_secret: secret } = registry
      if (secret === undefined || secret === 'none') throw unprepared(registry.name)
      const proof = bodySigned(headers, body, secret.reveal(), type.hooks?.signature ?? '')
      if (proof !== 'right') throw denied(address, 'the secret or the signature is wrong', proof)
    },
  }
}

/** True where nothing can prove a delivery. */
export function needsSecret(registry: Registry, type: AdapterType): boolean {
  return registry.hook_secret === undefined && !isVerified(registry, type)
}

/** By the adapter, which asks the vendor for its keys. */
function isVerified({ options = {} }: Registry, { hooks }: AdapterType): boolean {
  return hooks?.verifiedBy !== undefined && options[hooks.verifiedBy] !== undefined
}

/** The registry that a request is for. */
export function nameIn({ params }: FastifyRequest): string {
  return typeof params === 'object' && params !== null && 'registry' in params ? String(params.registry) : ''
}

function unprepared(registry: string): Refusal {
  return new Refusal(403, `registry ${registry} has no \`hook_secret\``, {
    hint: 'set it in the configuration, and give the same to the sender; `hook_secret: none` takes what anybody sends',
  })
}

function flat({ headers }: FastifyRequest): Delivery['headers'] {
  const texts = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value])
  return Object.fromEntries(texts.filter(([, value]) => value !== undefined))
}
