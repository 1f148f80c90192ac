/** The deployments of `replicate worker`: their commands are run as they are written, but for the paths of this machine. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import metadata from '../../package.json' with { type: 'json' }
import { program, until } from '../e2e/program.ts'
import { redis } from '../queue/workplace.ts'
import { hasRedis } from '../support/redis.ts'
import { pathOfTool } from '../support/tools.ts'

const folder = join(import.meta.dirname, '..', '..', 'examples', 'serve')
const textOf = (name: string): string => readFileSync(join(folder, name), 'utf8')
const documentsOf = (name: string): readonly unknown[] =>
  parseAllDocuments(textOf(name)).map((document): unknown => document.toJS())

const PASSWORD = 'sesame/open#11'
const kubeconform = pathOfTool('kubeconform')

const deployment = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({
        terminationGracePeriodSeconds: z.number().optional(),
        containers: z.tuple([z.object({ image: z.string(), args: z.array(z.string()), command: z.array(z.string()) })]),
      }),
    }),
  }),
})
const secret = z.object({ stringData: z.record(z.string(), z.string()) })

/** The configuration of `serve`, with the lines that the comment of the workers' file adds to it; its queue is at `url`. */
function configuration(url: string): string {
  const [map] = documentsOf('kubernetes.yaml')
  const { data } = z.object({ data: z.object({ 'config.yaml': z.string() }) }).parse(map)
  const [, line = ''] = /^# {5}(workers: .*)$/m.exec(textOf('workers.yaml')) ?? []
  expect(parse(line)).toMatchObject({ workers: { insecure: true } })
  return `${data['config.yaml']}\n${line.replace('replicate-queue:6379', new URL(url).host)}\n`
}

/** Starts a worker by these arguments, until it takes tasks. */
async function started(args: readonly string[], url: string): Promise<void> {
  const [, own] = documentsOf('kubernetes.yaml')
  const here = program({ ...secret.parse(own).stringData, QUEUE_PASSWORD: PASSWORD })
  here.write('config.yaml', configuration(url))
  const local = args.map((text) =>
    text.startsWith('/etc/replicate') ? join(here.directory, 'config.yaml') : text.replace(/^\//, `${here.home}/`),
  )
  const working = here.start(local)
  await until('it takes tasks', () => working.said().includes('takes tasks from') || working.process.exitCode !== null)
  working.process.kill('SIGTERM')
  const { code, stderr } = await working.ended
  expect([code, stderr]).toEqual([0, expect.stringContaining('takes tasks from')])
}

describe('the manifests of workers', () => {
  const [password, queue, service, workers] = documentsOf('workers.yaml')

  test.skipIf(kubeconform === undefined)('are what Kubernetes takes', () => {
    const location = join(import.meta.dirname, 'schemas', '{{.ResourceKind}}{{.KindSuffix}}.json')
    const args = ['-strict', '-summary', '-schema-location', location, '-']
    const { stdout } = spawnSync(kubeconform ?? '', args, { input: textOf('workers.yaml'), encoding: 'utf8' })
    expect(stdout).toContain('Valid: 4, Invalid: 0, Errors: 0, Skipped: 0')
  })

  test('name one queue, and give tasks the time that their command does', () => {
    expect(Object.keys(secret.parse(password).stringData)).toEqual(['QUEUE_PASSWORD'])
    expect(service).toMatchObject({ metadata: { name: 'replicate-queue' }, spec: { ports: [{ port: 6379 }] } })
    const { spec } = deployment.parse(workers).spec.template
    const [{ image, args }] = spec.containers
    expect(image).toBe(`registry.example.com/replicate:${metadata.version}`)
    expect(args.slice(-2)).toEqual(['--drain', '2m'])
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(120)
  })

  test.skipIf(!hasRedis())('start a queue that workers take tasks from', async () => {
    const [{ command, args }] = deployment.parse(queue).spec.template.spec.containers
    expect(command).toEqual(['redis-server'])
    const server = await redis({ arguments: args.map((text) => text.replace('$(QUEUE_PASSWORD)', PASSWORD)) })
    await started(deployment.parse(workers).spec.template.spec.containers[0].args, server.url)
  })
})

test.skipIf(!hasRedis())(
  'the unit of systemd starts a worker, and gives tasks the time that its command does',
  async () => {
    const unit = textOf('replicate-worker.service')
    const [, command = ''] = /^ExecStart=\S+\/replicate (.*)$/m.exec(unit) ?? []
    expect(command).toMatch(/ --drain 2m$/)
    expect(unit).toMatch(/^TimeoutStopSec=3min$/m)
    const server = await redis({ arguments: ['--requirepass', PASSWORD] })
    await started(command.split(' '), server.url)
  },
)
