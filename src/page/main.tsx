/** The page of `replicate serve`: who uses it, and what is shown to them. */

import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Session } from '../serve/api/schema/session.ts'
import { ask, get, onExpired, Refused } from './api.ts'
import { Frame } from './frame.tsx'
import { onSignedOut, refresh, signOut, start } from './live/live.ts'
import { SessionContext } from './parts/session.ts'
import { Empty } from './parts/status.tsx'
import { go } from './route.tsx'
import { SignIn, SignInAgain } from './screens/sign-in.tsx'
import './style.css'

/** Milliseconds between two tries to reach the daemon. */
const AGAIN = 2000

function Page() {
  const [session, setSession] = useState<Session | null>()
  const [unreachable, setUnreachable] = useState(false)
  /** What is shown stays behind the question for the token, so that nothing that was typed is lost. */
  const [expired, setExpired] = useState(false)

  useEffect(() => {
    onExpired(() => signOut(true))
    onSignedOut((isExpired) => {
      if (isExpired) setExpired(true)
      else setSession(null)
    })
    void signIn()
    // The printed address, opened in a window that shows the page already.
    const hear = (): void => void (tokenInAddress() !== null && signIn())
    addEventListener('hashchange', hear)
    return () => removeEventListener('hashchange', hear)
  }, [])

  /** By the token in the address, once, or by the cookie. */
  async function signIn(): Promise<void> {
    const token = tokenInAddress()
    if (token !== null) {
      go(`${location.pathname}${location.search}`, true)
      await ask('POST', '/session', { body: { token } }).catch(() => {})
    }
    try {
      setSession(await get<Session>('/session'))
      setUnreachable(false)
      setExpired(false)
      start()
      refresh()
    } catch (error) {
      if (error instanceof Refused && error.problem.status !== 0) {
        return setSession((before) => before ?? null)
      }
      setUnreachable(true)
      setTimeout(signIn, AGAIN)
    }
  }

  if (session === undefined) return unreachable ? <Empty title="The daemon cannot be reached" /> : null
  if (session === null) return <SignIn onSession={signIn} />
  return (
    <SessionContext.Provider value={session}>
      <Frame key={`${session.name} ${session.role}`} session={session} />
      {expired ? <SignInAgain onSession={signIn} /> : null}
    </SessionContext.Provider>
  )
}

function tokenInAddress(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get('token')
}

const root = document.getElementById('page')
if (root) render(<Page />, root)
