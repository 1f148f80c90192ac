/** What every ContentStore must do: one suite for registries, real or in memory, and for directories. */

import { afterAll, beforeAll, describe } from 'vitest'
import type { ContentStore } from '../../src/core/content.ts'
import { describeBlobs } from './blobs.ts'
import { describeManifests } from './manifests.ts'
import { describeReferrers } from './referrers.ts'
import { describeTags } from './tags.ts'

export interface StoreUnderTest {
  /** The store of a repository; every test asks for names of its own. */
  open(repository: string): ContentStore
  close(): Promise<void>
}

/** What a store is known not to do: said here, and then tested to be so. */
export interface Limitations {
  /** A tag cannot be deleted by itself: `deleteTag` is missing, or refuses. */
  readonly deleteTag?: false
  /** A tag cannot have a sha512 digest. */
  readonly sha512?: false
  /** Docker's media types are refused. */
  readonly dockerTypes?: false
  /** An index may name manifests only. */
  readonly blobsInIndex?: false
  /** A manifest is gone once its last tag points elsewhere. */
  readonly outlivesTags?: false
  /** Nothing is taken over from another repository. */
  readonly mount?: false
  /** A stream that breaks is not opened again by the store. */
  readonly reopens?: false
}

export interface ContractOptions {
  readonly limitations?: Limitations
  /** false: the server is not installed. The suite is skipped, which the global set-up says. */
  readonly available?: boolean
}

/** What the cases of a part of the contract are given. */
export interface Suite {
  readonly limitations: Limitations
  /** The store of a repository that does not exist yet. */
  fresh(): ContentStore
  /** Two such stores, and the name of the first. */
  repositories(): readonly [ContentStore, ContentStore, string]
}

export function describeContentStore(
  name: string,
  makeStore: () => Promise<StoreUnderTest>,
  { limitations = {}, available = true }: ContractOptions = {},
): void {
  describe.skipIf(!available)(`${name} as a ContentStore`, () => {
    let made: StoreUnderTest | undefined
    let names = 0

    beforeAll(async () => {
      made = await makeStore()
    })

    afterAll(async () => {
      await made?.close()
    })

    function repositories(): readonly [ContentStore, ContentStore, string] {
      if (!made) throw new Error('the store was not made')
      names += 1
      const repository = `contract/case-${names}`
      return [made.open(repository), made.open(`${repository}/other`), repository]
    }

    const suite: Suite = { limitations, repositories, fresh: () => repositories()[0] }
    describeManifests(suite)
    describeBlobs(suite)
    describeTags(suite)
    describeReferrers(suite)
  })
}
