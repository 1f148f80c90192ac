/** Which tags hang on digests of the source's repositories, as the coordinator has listed them: none need be asked for by name. */

import type { ContentSource } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { JobData } from '../protocol.ts'

export type Learn = (hanging: JobData['hanging'], ctx: Context) => Promise<void>

export function createLearn(repository: (name: string) => ContentSource): Learn {
  /** Those that had to be listed here, as there are too many tags to tell. */
  const lists = new Map<string, Promise<void>>()

  async function list(name: string, ctx: Context): Promise<void> {
    try {
      for await (const _ of repository(name).tags(ctx));
    } catch {
      // What cannot be listed is asked for by name.
    }
  }

  return async (hanging = {}, ctx) => {
    for (const [name, tags] of Object.entries(hanging)) {
      if (tags) {
        repository(name).hanging?.learn(tags)
        continue
      }
      const known = lists.get(name) ?? list(name, ctx)
      lists.set(name, known)
      await known
    }
  }
}
