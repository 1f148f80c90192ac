/** A first policy for who has none: that of `examples/quickstart.yaml`, with paths of this machine. */

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { Daemon } from '../../parts.ts'
import type { Plain } from '../desk.ts'
import { change } from '../editing.ts'
import { ApiError } from '../problem.ts'
import { type Api, callerOf, problems } from '../route.ts'

/** Seen from the sources and what the compiler makes of them, and from the bundle. */
const PLACES = ['../../../../examples/quickstart', '../../../../../examples/quickstart', '../../examples/quickstart']

const POLICY = {
  description: 'Copies all versions of hello, for every platform, with their signatures',
  source: { registry: 'source' },
  destination: { registry: 'copy', namespace: 'mirror' },
  filters: { name: 'hello', tag: ['1.*', 'latest'] },
}

export function addQuickstart(app: Api, daemon: Daemon): void {
  app.route({
    method: 'POST',
    url: '/quickstart',
    config: { role: 'admin' },
    schema: {
      tags: ['policies'],
      description:
        'Writes two registries and a policy to try: they copy a few small images between two directories of this machine',
      body: z.strictObject({}),
      response: {
        201: z.object({ policy: z.string(), file: z.string() }).meta({ id: 'Quickstart' }),
        ...problems(409, 412, 422),
      },
    },
    async handler(request, reply) {
      const { desk, history } = daemon.program
      const { registries, policies } = await desk.read()
      const taken = [
        ...['source', 'copy'].filter((name) => registries.has(name)).map((name) => `registry ${name}`),
        ...policies.filter(({ name }) => name === 'quickstart').map(({ name }) => `policy ${name}`),
      ]
      if (taken.length > 0) throw new ApiError(409, 'exists', `there is a ${taken.join(' and a ')} already`)
      const images = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) =>
        existsSync(join(path, 'index.json')),
      )
      if (images === undefined) throw new ApiError(409, 'missing', 'this installation lacks examples/quickstart')
      const value: Readonly<Record<string, Plain>> = POLICY
      const file = desk.home
      const copy = join(dirname(history.file), 'quickstart-copy')
      await change(daemon, callerOf(request), {
        kind: 'policies',
        name: 'quickstart',
        file,
        edits: [
          { set: ['registries', 'source'], to: { type: 'oci-layout', path: images } },
          { set: ['registries', 'copy'], to: { type: 'oci-layout', path: copy } },
          { set: ['policies', 'quickstart'], to: value },
        ],
        value,
      })
      reply.code(201)
      return { policy: 'quickstart', file }
    },
  })
}
