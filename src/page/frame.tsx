/** What stands around every screen: where one can go, whether it is live, and what is wrong. */

import { useEffect, useRef, useState } from 'preact/hooks'
import type { Session } from '../serve/api/schema/session.ts'
import { ask } from './api.ts'
import { plural } from './format.ts'
import { signOut, useLive, useStream } from './live/live.ts'
import { Announcer } from './parts/announcer.tsx'
import { Button } from './parts/button.tsx'
import { isOutdated } from './parts/outdated.ts'
import { Empty } from './parts/status.tsx'
import { Toasts } from './parts/toast.tsx'
import { focusMain, Link, useAddress } from './route.tsx'
import { AuditScreen } from './screens/audit.tsx'
import { ExecutionScreen } from './screens/execution/execution.tsx'
import { ExecutionsScreen } from './screens/execution/list.tsx'
import { PoliciesScreen } from './screens/policies.tsx'
import { PolicyScreen } from './screens/policy/policy.tsx'
import { RegistriesScreen } from './screens/registries.tsx'
import { RegistryScreen } from './screens/registry/registry.tsx'
import { ScheduleScreen } from './screens/schedule.tsx'
import { WorkersScreen } from './screens/workers.tsx'

const PLACES = [
  ['/', 'Executions'],
  ['/policies', 'Policies'],
  ['/registries', 'Registries'],
  ['/schedule', 'Schedule'],
  ['/workers', 'Workers'],
  ['/audit', 'Audit'],
] as const

export function Frame({ session }: { readonly session: Session }) {
  const { pathname } = useAddress()
  const { connected, crowded } = useStream()
  const first = useRef(true)
  useEffect(() => {
    // Another screen begins at its beginning, also for those who do not see it.
    if (!first.current) focusMain()
    first.current = false
  }, [pathname])
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header>
        <Link to="/" class="brand">
          replicate
        </Link>
        <nav aria-label="Screens">
          {PLACES.map(([to, text]) => (
            <Link key={to} to={to} current={to === '/' ? /^\/(executions|$)/.test(pathname) : pathname.startsWith(to)}>
              {text}
            </Link>
          ))}
        </nav>
        <span class={connected ? 'live' : 'live lost'} role="status">
          {connected ? 'live' : 'reconnecting…'}
          {crowded ? ', progress in other windows' : ''}
        </span>
        <span class="who">
          {session.name} ({session.role})
        </span>
        <Button
          onClick={async () => {
            await ask('DELETE', '/session').catch(() => {})
            signOut()
          }}
        >
          Sign out
        </Button>
      </header>
      <Banner />
      <main id="main" tabIndex={-1}>
        {screenOf(pathname)}
      </main>
      <Announcer />
      <Toasts />
    </>
  )
}

/** What is wrong with all of it. */
function Banner() {
  const [trouble, setTrouble] = useState<string>()
  const [outdated, setOutdated] = useState(false)
  useLive((event) => {
    switch (event.type) {
      case 'configuration': {
        const { error } = event.data
        return setTrouble(error === null ? undefined : `The configuration that was in force stays in force:\n${error}`)
      }
      case 'draining': {
        const { running } = event.data
        return setTrouble(`The daemon is stopping${running > 0 ? ` once ${plural(running, 'execution')} ended` : ''}.`)
      }
      case 'reset':
        isOutdated().then(setOutdated, () => {})
        return setTrouble(undefined)
      case 'hello':
        return setTrouble(undefined)
      default:
    }
  })
  return (
    <>
      {trouble ? (
        <p class="banner" role="alert">
          {trouble}
        </p>
      ) : null}
      {outdated ? (
        <p class="banner" role="alert">
          The daemon was upgraded, and this window still shows the page from before.{' '}
          <Button onClick={() => location.reload()}>Reload</Button>
        </p>
      ) : null}
    </>
  )
}

function screenOf(path: string) {
  const [, place = '', id] = path.split('/').map(decodeURIComponent)
  switch (place) {
    case '':
      return <ExecutionsScreen />
    case 'executions':
      return <ExecutionScreen key={id} id={Number(id)} />
    case 'policies':
      return id === undefined ? <PoliciesScreen /> : <PolicyScreen key={id} id={id} />
    case 'registries':
      return id === undefined ? <RegistriesScreen /> : <RegistryScreen key={id} id={id} />
    case 'audit':
      return <AuditScreen />
    case 'schedule':
      return <ScheduleScreen />
    case 'workers':
      return <WorkersScreen />
    default:
      return <Empty title="There is nothing here" />
  }
}
