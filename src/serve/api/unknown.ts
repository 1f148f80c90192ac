/** What is asked for and not there: 404, or 405 with the methods that there are. */

import { ApiError, sendProblem } from './problem.ts'
import type { Api } from './route.ts'

/** To be called before routes are added. */
export function answerUnknown(app: Api, redact: (text: string) => string): void {
  const routes: { readonly parts: readonly string[]; readonly methods: readonly string[] }[] = []
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ parts: url.split('/'), methods: [method].flat() })
  })
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?')
    const found = new Set(routes.filter(({ parts }) => fits(parts, path.split('/'))).flatMap(({ methods }) => methods))
    if (found.size === 0) {
      return sendProblem(reply, new ApiError(404, 'not_found', 'there is nothing here', { hint: HINT }), redact)
    }
    const allow = [...found].sort().join(', ')
    const message = `${request.method} is not possible here: ${allow} ${found.size === 1 ? 'is' : 'are'}`
    return sendProblem(reply, new ApiError(405, 'method_not_allowed', message, { headers: { allow } }), redact)
  })
}

const HINT = '`GET /api/openapi.json` describes what there is'

function fits(parts: readonly string[], given: readonly string[]): boolean {
  return parts.length === given.length && parts.every((part, at) => part.startsWith(':') || part === given[at])
}
