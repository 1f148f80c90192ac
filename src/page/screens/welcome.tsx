/** Before there is any policy. */

import { ask } from '../api.ts'
import { Button } from '../parts/button.tsx'
import { useRead } from '../parts/data.ts'
import { useMay } from '../parts/session.ts'
import { Empty } from '../parts/status.tsx'
import { tried } from '../parts/toast.tsx'
import { go, useTitle } from '../route.tsx'
import { start } from './execution/list.tsx'

export function Welcome() {
  useTitle('Welcome')
  const may = useMay()
  const hasRegistry = (useRead<readonly unknown[]>('/registries?page_size=1').answer?.total ?? 0) > 0
  return (
    <Empty title="Nothing is replicated yet">
      <p>
        A policy says what goes from where to where.{' '}
        {hasRegistry
          ? 'Make one between your registries.'
          : 'Begin with two registries of your own, or try the quickstart: it copies a few small images between two directories of this machine.'}
      </p>
      <p class="actions">
        {hasRegistry ? (
          <Button kind="primary" not={may('maintainer')} onClick={() => go('/policies/new')}>
            New policy
          </Button>
        ) : null}
        <Button
          kind={hasRegistry ? 'plain' : 'primary'}
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
