/** The fake Harbor's tag immutability rules. */

import { z } from 'zod'
import type { Project } from './harbor-state.ts'

const SELECTOR = z.object({ decoration: z.string(), pattern: z.string() })
const RULE = z.object({
  disabled: z.boolean().optional(),
  tag_selectors: z.array(SELECTOR),
  scope_selectors: z.object({ repository: z.array(SELECTOR) }),
})

/** Whether one of the project's rules holds for a tag of the repository. */
export function immutableRule(project: Project, repository: string, tag: string): boolean {
  const [, ...path] = repository.split('/')
  return project.immutable.some(({ body }) => {
    const { disabled, tag_selectors, scope_selectors } = RULE.parse(body)
    const holds = ({ decoration, pattern }: z.infer<typeof SELECTOR>, name: string): boolean =>
      glob(pattern).test(name) !== /excludes$/i.test(decoration)
    return (
      !disabled &&
      tag_selectors.every((selector) => holds(selector, tag)) &&
      scope_selectors.repository.every((selector) => holds(selector, path.join('/')))
    )
  })
}

/** `*` within a part of the path, `**` anywhere. */
function glob(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replace(/\*\*?/g, (stars) => (stars === '*' ? '[^/]*' : '.*'))}$`)
}
