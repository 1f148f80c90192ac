/** What a delivery tells, checked and bounded: nothing else of it goes into the history, no matter who sent it. */

import { createHash } from 'node:crypto'
import type { RegistryEvent } from '../../core/adapter.ts'
import { foreignName } from '../../core/foreign.ts'
import { isRepositoryName, isTag } from '../../core/reference.ts'
import { Refusal } from './refusal.ts'

/** Events of one delivery: Event Grid sends no more. */
const MOST = 5000
const LONGEST_ID = 200

/** `signed`: a signature covers the body, and so tells a delivery from others better than a name outside of it would. */
export function boundedEvents(
  events: readonly RegistryEvent[],
  body: Uint8Array,
  signed: boolean,
): readonly RegistryEvent[] {
  if (events.length > MOST) throw new Refusal(400, `the delivery has ${events.length} events; ${MOST} are the most`)
  let digest: string | undefined
  const idOf = ({ id, time }: RegistryEvent): string | undefined => {
    if (id !== undefined && !signed) return id.length <= LONGEST_ID ? id : hashed(id)
    // Without a time two pushes of the same content look the same.
    if (time === undefined) return undefined
    digest ??= hashed(body)
    return digest
  }
  return events.map((event) => {
    checkNames(event)
    const { id: _, ...rest } = event
    const id = idOf(event)
    return id === undefined ? rest : { ...rest, id }
  })
}

function checkNames({ repository, tag }: RegistryEvent): void {
  if (!isRepositoryName(repository)) throw malformed(repository, 'the name of a repository')
  if (tag !== undefined && !isTag(tag)) throw malformed(tag, 'a tag')
}

function malformed(name: string, what: string): Refusal {
  return new Refusal(400, `${JSON.stringify(foreignName(name))} is not ${what}`)
}

function hashed(text: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}
