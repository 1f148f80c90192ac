/** OCI layouts against the contract: a new directory, in which many repositories lie side by side. */

import { join } from 'node:path'
import { ociLayout } from '../../src/oci/layout/layout.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { describeContentStore } from './store.ts'

describeContentStore(
  'an OCI layout in a directory',
  async () => {
    const adapter = ociLayout({ name: 'layout', type: 'oci-layout', path: join(temporaryDirectory(), 'layout') })
    return {
      open: (repository) => adapter.repository(repository),
      close: async () => adapter.close(),
    }
  },
  // The copy opens a broken stream again before the layout sees it; what has no entry in index.json is not there.
  { limitations: { reopens: false, outlivesTags: false } },
)
