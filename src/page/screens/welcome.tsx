/** Before there is any policy. */

import { ask } from '../api.ts'
import { Button } from '../parts/button.tsx'
import { useMay } from '../parts/session.ts'
import { Empty } from '../parts/status.tsx'
import { tried } from '../parts/toast.tsx'
import { go } from '../route.tsx'
import { start } from './execution/list.tsx'

export function Welcome() {
  const may = useMay()
  return (
    <Empty title="Nothing is replicated yet">
      <p>
        A policy says what goes from where to where. Begin with two registries of your own, or try the quickstart: it
        copies a few small images between two directories of this machine.
      </p>
      <p class="actions">
        <Button
          kind="primary"
          not={may('admin')}
          onClick={() =>
            tried(async () => {
              const { body } = await ask<{ readonly policy: string }>('POST', '/quickstart', { body: {} })
              await start(body.policy)
            })
          }
        >
          Try the quickstart
        </Button>
        <Button not={may('admin')} onClick={() => go('/registries/new')}>
          Add a registry
        </Button>
      </p>
    </Empty>
  )
}
