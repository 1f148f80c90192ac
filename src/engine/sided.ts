/** Registries whose failures say on which side of a policy they happened. */

import { onSide, type Side } from '../core/errors.ts'
import type { Endpoint } from './endpoint.ts'

/** The endpoint as one side of a policy: whatever its adapter, or a store of it, throws names that side and the registry. */
export function sidedEndpoint(endpoint: Endpoint, side: Side): Endpoint {
  const name: Name = (error) => onSide(error, side, endpoint.registry.name)
  return { ...endpoint, adapter: sided(endpoint.adapter, name, new WeakMap()) }
}

type Name = (error: unknown) => unknown

/** The sided stores of an adapter, by the stores that it has given: each has one, however often it is asked for. */
type Stores = WeakMap<object, object>

/** An object with the same methods, also those that `target` inherits. */
function sided<T extends object>(target: T, name: Name, stores: Stores): T {
  const methods: Record<string, unknown> = {}
  for (const key of keysOf(target)) {
    const method: unknown = Reflect.get(target, key)
    methods[key] =
      typeof method === 'function'
        ? (...args: unknown[]) => called(key, () => Reflect.apply(method, target, args), name, stores)
        : method
  }
  return methods as T
}

function keysOf(target: object): ReadonlySet<string> {
  const keys = new Set<string>()
  for (let at: object | null = target; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const key of Object.getOwnPropertyNames(at)) if (key !== 'constructor') keys.add(key)
  }
  return keys
}

function called(key: string, call: () => unknown, name: Name, stores: Stores): unknown {
  try {
    const result = call()
    // The only method that gives an object with methods of its own.
    if (key !== 'repository' || typeof result !== 'object' || !result) return sidedResult(result, name)
    const store = stores.get(result) ?? sided(result, name, stores)
    stores.set(result, store)
    return store
  } catch (error) {
    throw name(error)
  }
}

/** What a method returned: a promise, perhaps of a stream, or a list that is still to be read. */
function sidedResult(result: unknown, name: Name): unknown {
  if (result instanceof Promise) {
    return result.then(
      (value: unknown) => sidedResult(value, name),
      (error: unknown) => {
        throw name(error)
      },
    )
  }
  return isAsyncIterable(result) ? sidedStream(result, name) : result
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** Not a generator: returning one that has not begun would not close `things`, and a connection would stay open. */
function sidedStream(things: AsyncIterable<unknown>, name: Name): AsyncIterable<unknown> {
  return {
    // What goes wrong where a stream of bytes is passed on is thrown where it is read.
    ...('pass' in things ? { pass: things.pass } : {}),
    [Symbol.asyncIterator]() {
      const iterator = things[Symbol.asyncIterator]()
      return {
        async next() {
          try {
            return await iterator.next()
          } catch (error) {
            throw name(error)
          }
        },
        return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
      }
    },
  }
}
