/** The REST API: `/api` with its routes, who may call them, and the document that describes them. */

import cookie from '@fastify/cookie'
import swagger from '@fastify/swagger'
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { z } from 'zod'
import metadata from '../../../package.json' with { type: 'json' }
import type { Daemon, Part } from '../parts.ts'
import { guard } from './auth/guard.ts'
import { createSessions } from './auth/sessions.ts'
import { createTokens } from './auth/tokens.ts'
import { answerProblems } from './problem.ts'
import { type Api, problems } from './route.ts'
import { addAbout } from './routes/about.ts'
import { addAdapters } from './routes/adapters.ts'
import { addAudit } from './routes/audit.ts'
import { addEvents } from './routes/events.ts'
import { addExecutions } from './routes/executions.ts'
import { addLogs } from './routes/logs.ts'
import { addNotifications } from './routes/notifications.ts'
import { addPolicies } from './routes/policies.ts'
import { addPreview } from './routes/preview.ts'
import { addQuickstart } from './routes/quickstart.ts'
import { addRegistries } from './routes/registries/registries.ts'
import { addSchedule } from './routes/schedule.ts'
import { addSession } from './routes/session.ts'
import { addStart } from './routes/start.ts'
import { addWorkers } from './routes/workers.ts'
import { createRowStreams } from './stream/rows.ts'
import { answerUnknown } from './unknown.ts'

export async function startApi(daemon: Daemon): Promise<Part> {
  const { program, current } = daemon
  const { clock, history, redact } = program
  const tokens = createTokens(() => current().settings, history.file)
  // Before anything listens: whoever sees that it does may read it.
  tokens.made()
  const sessions = createSessions(clock)
  const isProxied = (): boolean => current().settings.behind_proxy
  const failed = (text: string): void => daemon.tell({ type: 'log', level: 'error', text })

  await daemon.http.register(
    async (plain) => {
      const app: Api = plain.withTypeProvider<ZodTypeProvider>()
      app.setValidatorCompiler(validatorCompiler)
      app.setSerializerCompiler(serializerCompiler)
      answerProblems(app, { failed, redact })
      answerUnknown(app, redact)
      await app.register(cookie)
      await app.register(swagger, {
        openapi: {
          openapi: '3.1.0',
          info: { title: 'replicate', version: metadata.version, description: DESCRIPTION },
          components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
          security: [{ token: [] }],
        },
        transform(given) {
          const made = jsonSchemaTransform(given)
          return { ...made, schema: { ...made.schema, 'x-role': given.route.config?.role } }
        },
        transformObject: jsonSchemaTransformObject,
      })
      const guarding = guard(app, { tokens, sessions, clock, isProxied })
      addSession(app, { guard: guarding, sessions, secure: () => current().settings.tls !== undefined || isProxied() })
      const streams = createRowStreams({ clock, signal: daemon.signal, redact, failed })
      addExecutions(app, daemon)
      addStart(app, daemon, streams)
      addLogs(app, daemon)
      addNotifications(app, daemon)
      addPolicies(app, daemon)
      addRegistries(app, daemon)
      addAudit(app, daemon)
      addQuickstart(app, daemon)
      addEvents(app, daemon, metadata)
      addPreview(app, daemon, streams)
      addAdapters(app, daemon, streams)
      addSchedule(app, daemon)
      addWorkers(app, daemon)
      addAbout(app, daemon)
      app.route({
        method: 'GET',
        url: '/openapi.json',
        config: { role: 'viewer' },
        schema: { tags: ['about'], description: 'This document', response: { 200: z.looseObject({}), ...problems() } },
        handler: async () => ({ ...app.swagger() }),
      })
    },
    { prefix: '/api' },
  )

  daemon.listen((news) => {
    if (news.type !== 'listening') return
    const made = tokens.made()
    if (made) daemon.tell({ type: 'token', url: news.url, ...made })
  })
  return { ended: async () => {} }
}

const DESCRIPTION =
  'What `replicate serve` does, over HTTP: the same as the command line. Lists have `page`, `page_size`, `sort` and `q`, and answer with `X-Total-Count` and `Link`.'
