/** The page of `replicate serve`. */

import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Session } from '../serve/api/schema/session.ts'
import { ask, get, onSignedOut, Refused } from './api.ts'
import { onStreamRefused, signOut, start, useLive, useStream } from './live/live.ts'
import { SessionContext } from './parts/session.ts'
import { Empty } from './parts/status.tsx'
import { Toasts } from './parts/toast.tsx'
import { go, Link, useAddress } from './route.tsx'
import { AuditScreen } from './screens/audit.tsx'
import { ExecutionScreen } from './screens/execution/execution.tsx'
import { ExecutionsScreen } from './screens/execution/list.tsx'
import { PoliciesScreen } from './screens/policies.tsx'
import { PolicyScreen } from './screens/policy/policy.tsx'
import { RegistriesScreen } from './screens/registries.tsx'
import { RegistryScreen } from './screens/registry/registry.tsx'
import { ScheduleScreen } from './screens/schedule.tsx'
import { SignIn } from './screens/sign-in.tsx'
import { WorkersScreen } from './screens/workers.tsx'
import './style.css'

const PLACES = [
  ['/', 'Executions'],
  ['/policies', 'Policies'],
  ['/registries', 'Registries'],
  ['/schedule', 'Schedule'],
  ['/workers', 'Workers'],
  ['/audit', 'Audit'],
] as const

function Page() {
  const [session, setSession] = useState<Session | null>()
  const [unreachable, setUnreachable] = useState(false)

  useEffect(() => {
    onSignedOut(signOut)
    onStreamRefused(() => setSession(null))
    void signIn()
  }, [])

  /** By the token in the address, once, or by the cookie. */
  async function signIn(): Promise<void> {
    const token = new URLSearchParams(location.hash.slice(1)).get('token')
    if (token !== null) {
      go(`${location.pathname}${location.search}`, true)
      await ask('POST', '/session', { body: { token } }).catch(() => {})
    }
    try {
      setSession(await get<Session>('/session'))
      setUnreachable(false)
      start()
    } catch (error) {
      if (error instanceof Refused && error.problem.status !== 0) return setSession(null)
      setUnreachable(true)
      setTimeout(signIn, 2000)
    }
  }

  if (session === undefined) return unreachable ? <Empty title="The daemon cannot be reached" /> : null
  if (session === null) return <SignIn onSession={signIn} />
  return (
    <SessionContext.Provider value={session}>
      <Frame session={session} />
      <Toasts />
    </SessionContext.Provider>
  )
}

function Frame({ session }: { readonly session: Session }) {
  const { pathname } = useAddress()
  const { connected, crowded } = useStream()
  const [trouble, setTrouble] = useState<string>()
  useLive(({ type, data }) => {
    if (type === 'configuration') setTrouble(data.error ?? undefined)
    if (type === 'draining') setTrouble('the daemon is ending')
    if (type === 'hello' || type === 'reset') setTrouble(undefined)
  })
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
        <button
          type="button"
          class="plain"
          onClick={async () => {
            await ask('DELETE', '/session').catch(() => {})
            signOut()
          }}
        >
          Sign out
        </button>
      </header>
      {trouble ? (
        <p class="banner" role="alert">
          {trouble}
        </p>
      ) : null}
      <main id="main">{screenOf(pathname)}</main>
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

const root = document.getElementById('page')
if (root) render(<Page />, root)
