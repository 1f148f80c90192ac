/** Asks for the token. */

import { useState } from 'preact/hooks'
import { ask } from '../api.ts'
import { Complaint } from '../parts/complaint.tsx'
import { Field } from '../parts/form.tsx'

export function SignIn({ onSession }: { readonly onSession: () => Promise<void> }) {
  const [token, setToken] = useState('')
  const [error, setError] = useState<unknown>()
  return (
    <main id="main" class="sign-in">
      <h1>replicate</h1>
      <form
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
    </main>
  )
}
