/** Asks for the token. */

import { useEffect, useState } from 'preact/hooks'
import { ask } from '../api.ts'
import { Complaint } from '../parts/complaint.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Field } from '../parts/form.tsx'
import { useTitle } from '../route.tsx'

interface SignInProps {
  readonly onSession: () => Promise<void>
}

export function SignIn({ onSession }: SignInProps) {
  useTitle('Sign in')
  return (
    <main id="main" class="sign-in">
      <h1>replicate</h1>
      <TokenForm onSession={onSession} />
    </main>
  )
}

/** Before a screen whose session has expired. It goes by itself once another window has signed in. */
export function SignInAgain({ onSession }: SignInProps) {
  useEffect(() => {
    const hear = (): void => void onSession()
    addEventListener('focus', hear)
    return () => removeEventListener('focus', hear)
  }, [])
  return (
    <Dialog title="The session has expired" hides>
      <p>Sign in again, and go on where you were.</p>
      <TokenForm onSession={onSession} />
    </Dialog>
  )
}

function TokenForm({ onSession }: SignInProps) {
  const [token, setToken] = useState('')
  const [error, setError] = useState<unknown>()
  return (
    <form
      class="token"
      onSubmit={async (event) => {
        event.preventDefault()
        try {
          await ask('POST', '/session', { body: { token: token.trim() } })
          setError(undefined)
          await onSession()
        } catch (failure) {
          setError(failure)
        }
      }}
    >
      <Field
        label="Token"
        type="password"
        value={token}
        onInput={setToken}
        required
        hint={
          <>
            One of <code>serve.tokens</code>, or the one in the file that <code>replicate serve</code> names when it
            starts.
          </>
        }
      />
      <Complaint error={error} />
      <button type="submit" class="primary">
        Sign in
      </button>
    </form>
  )
}
