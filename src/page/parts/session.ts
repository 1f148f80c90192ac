/** Who uses the page, and what that one may do. */

import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { Session } from '../../serve/api/schema/session.ts'

export const SessionContext = createContext<Session | undefined>(undefined)

const ROLES = ['viewer', 'operator', 'maintainer', 'admin']

/** Undefined where they may; else why not. */
export function useMay(): (role: 'operator' | 'maintainer' | 'admin') => string | undefined {
  const session = useContext(SessionContext)
  return (role) => {
    if (session && ROLES.indexOf(session.role) >= ROLES.indexOf(role)) return undefined
    return `this needs the role ${role}, and you have ${session?.role ?? 'none'}`
  }
}
