/** What every store does with tags. */

import { describe, expect, it } from 'vitest'
import { isNotFound } from '../../src/core/errors.ts'
import { image } from '../support/images.ts'
import { collect, context, rejection, write } from './content.ts'
import type { Suite } from './store.ts'

export function describeTags({ fresh, limitations }: Suite): void {
  describe('tags', () => {
    it('are listed once each', async () => {
      const store = fresh()
      const one = image()
      const expected = ['latest', ...Array.from({ length: 30 }, (_, at) => `1.${at}`)].sort()
      for (const tag of expected) await write(store, one, tag)
      expect((await collect(store.tags(context))).sort()).toEqual(expected)
    })

    it('of a repository that does not exist are a 404', async () => {
      expect(await rejection(collect(fresh().tags(context)))).toSatisfy(isNotFound)
    })

    it('are deleted without the others that point to the same', async () => {
      const store = fresh()
      const one = image()
      for (const tag of ['1.0', 'latest']) await write(store, one, tag)
      if (limitations.deleteTag === false) {
        if (store.deleteTag) await rejection(store.deleteTag('latest', context))
        expect((await collect(store.tags(context))).sort()).toEqual(['1.0', 'latest'])
        return
      }
      await store.deleteTag?.('latest', context)
      expect(await collect(store.tags(context))).toEqual(['1.0'])
      expect(await store.resolve('1.0', context)).toMatchObject({ digest: one.digest })
      await store.deleteTag?.('latest', context)
    })

    it('go with their manifest', async () => {
      const store = fresh()
      const [one, other] = [image({ seed: 1 }), image({ seed: 2 })]
      for (const tag of ['1.0', 'latest']) await write(store, one, tag)
      await write(store, other, '2.0')
      await store.deleteManifest?.(one.digest, context)
      expect(await store.resolve(one.digest, context)).toBeUndefined()
      expect(await store.resolve('1.0', context)).toBeUndefined()
      expect(await collect(store.tags(context))).toEqual(['2.0'])
      await store.deleteManifest?.(one.digest, context)
    })
  })
}
