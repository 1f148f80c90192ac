/** What was refused, and why. */

import { Refused } from '../api.ts'

/** With its hint, and every wrong field. */
export function Complaint({ error }: { readonly error: unknown }) {
  if (error === undefined) return null
  const message = error instanceof Error ? error.message : String(error)
  const problem = error instanceof Refused ? error.problem : { message, hint: undefined, errors: undefined }
  const errors = problem.errors ?? []
  return (
    <div class="complaint" role="alert">
      {errors.length > 1 ? (
        <ul>
          {errors.map(({ message, hint }) => (
            <li key={message}>
              {message}
              {hint ? <em> {hint}</em> : null}
            </li>
          ))}
        </ul>
      ) : (
        <p>{problem.message}</p>
      )}
      {problem.hint ? <p class="hint">{problem.hint}</p> : null}
    </div>
  )
}
