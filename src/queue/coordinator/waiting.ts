/** Tasks and blobs that wait to be given away, and which of them go together: those of one repository, and tasks that read one artifact. */

import type { Work } from '../protocol.ts'

/** What is said of a job: how many tasks it may have, and whether those of several repositories may be among them. */
export interface Size {
  readonly most: number
  readonly mixed: boolean
}

/** Of the blobs of one job: what a worker reads within a second or two. */
const MOST_BYTES = 64 * 1024 * 1024

export interface Waiter {
  readonly work: Work
}

/** Repositories are served in the order in which they came, and so are the tasks of each. */
export class Waiting<T extends Waiter> {
  readonly #repositories = new Map<string, Set<T>>()
  /** By what they read. */
  readonly #artifacts = new Map<string, Set<T>>()
  #count = 0

  get count(): number {
    return this.#count
  }

  add(waiter: T): void {
    put(this.#repositories, repositoryOf(waiter.work), waiter)
    put(this.#artifacts, artifactOf(waiter.work), waiter)
    this.#count += 1
  }

  remove(waiter: T): boolean {
    if (!take(this.#repositories, repositoryOf(waiter.work), waiter)) return false
    take(this.#artifacts, artifactOf(waiter.work), waiter)
    this.#count -= 1
    return true
  }

  all(): readonly T[] {
    return [...this.#repositories.values()].flatMap((tasks) => [...tasks])
  }

  /** The tasks of the next job, in groups that begin together. `busy`: how many tasks of a repository are under way; what fewest are
   *  under way of comes first, as what its tasks share is on its way then. */
  take({ most, mixed }: Size, busy: (repository: string) => number): readonly (readonly T[])[] {
    const groups: T[][] = []
    let count = 0
    let bytes = 0
    while (count < most && bytes < MOST_BYTES && this.#count > 0) {
      if (groups.length > 0 && !mixed) break
      const tasks = this.#repositories.get(idlest(this.#repositories.keys(), busy)) ?? []
      for (const first of tasks) {
        if (count >= most || bytes >= MOST_BYTES) break
        const size = sizeOf(first.work)
        // A large one goes alone.
        if (bytes > 0 && bytes + size > MOST_BYTES) return groups
        bytes += size
        const group = this.#group(first)
        for (const one of group) this.remove(one)
        groups.push(group)
        count += group.length
      }
    }
    return groups
  }

  /** The task, and those that copy the same to other destinations. */
  #group(first: T): T[] {
    const group = [first]
    if (!('task' in first.work)) return group
    const destinations = new Set([first.work.task.destination.registry])
    for (const other of this.#artifacts.get(artifactOf(first.work)) ?? []) {
      if (!('task' in other.work)) continue
      const { registry } = other.work.task.destination
      if (destinations.has(registry)) continue
      destinations.add(registry)
      group.push(other)
    }
    return group
  }
}

/** The key that `busy` is asked for. */
export function repositoryOf(work: Work): string {
  const { registry, repository } = 'task' in work ? work.task.source : work.at
  return `${registry} ${repository}`
}

function artifactOf(work: Work): string {
  const name = 'task' in work ? (work.task.digest ?? work.task.source.tag ?? '') : work.at.blob.digest
  return `${repositoryOf(work)}@${name}`
}

/** In bytes, as far as it is known. */
function sizeOf(work: Work): number {
  return 'task' in work ? 0 : work.at.blob.size
}

function idlest(repositories: Iterable<string>, busy: (repository: string) => number): string {
  let found = ''
  let least = Number.POSITIVE_INFINITY
  for (const repository of repositories) {
    const count = busy(repository)
    if (count >= least) continue
    least = count
    found = repository
    if (count === 0) break
  }
  return found
}

function put<T>(sets: Map<string, Set<T>>, key: string, value: T): void {
  const known = sets.get(key)
  if (known) known.add(value)
  else sets.set(key, new Set([value]))
}

function take<T>(sets: Map<string, Set<T>>, key: string, value: T): boolean {
  const known = sets.get(key)
  if (!known?.delete(value)) return false
  if (known.size === 0) sets.delete(key)
  return true
}
