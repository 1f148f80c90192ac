/** What the holder of a token may do, through the API and on the page. */

/** Each may do all that those before it may: read; start and stop; write policies of its namespaces; write everything. */
export const ROLES = ['viewer', 'operator', 'maintainer', 'admin'] as const
export type Role = (typeof ROLES)[number]

export function mayDo(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed)
}
