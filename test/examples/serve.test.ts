/** The deployments of `replicate serve`: what systemd, Kubernetes, Compose and Grafana find in them. */

import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import metadata from '../../package.json' with { type: 'json' }
import { startMetrics } from '../../src/serve/metrics/metrics.ts'
import { program } from '../e2e/program.ts'
import { daemonDouble } from '../serve/daemon-double.ts'
import { parseExposition } from '../support/exposition.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { pathOfTool } from '../support/tools.ts'

const folder = join(import.meta.dirname, '..', '..', 'examples', 'serve')
const textOf = (name: string): string => readFileSync(join(folder, name), 'utf8')
const SECRETS = { TEAM_HOOK_SECRET: 'secret' }

/** The arguments of the program as the command line reads them: a configuration, a home, and `serve`. */
const ARGUMENTS = ['--config', '/etc/replicate/config.yaml', '--home', '/var/lib/replicate', 'serve']

test('the configuration is valid', async () => {
  const { code, stderr } = await program(SECRETS).run(['policies', 'validate', join(folder, 'config.yaml')])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

describe('the unit of systemd', () => {
  const unit = textOf('replicate.service')
  const systemd = pathOfTool('systemd-analyze')

  test('starts the program with its arguments, and reloads it by the signal that it knows', () => {
    const [, command] = /^ExecStart=\S+\/replicate (.*)$/m.exec(unit) ?? []
    expect(command?.split(' ')).toEqual(ARGUMENTS)
    expect(unit).toContain('ExecReload=/bin/kill -HUP $MAINPID')
    expect(unit).toMatch(/^Type=notify$/m)
  })

  const names = ['replicate.service', 'replicate-worker.service']
  test.skipIf(systemd === undefined).each(names)(
    'has no mistake that systemd knows, and is well confined: %s',
    (name) => {
      const file = join(temporaryDirectory(), name)
      writeFileSync(file, textOf(name).replace('/usr/local/bin/replicate', process.execPath))
      const checked = spawnSync(systemd ?? '', ['verify', file], { encoding: 'utf8' })
      expect([checked.status, checked.stdout + checked.stderr]).toEqual([0, ''])
      const confined = ['security', '--offline=yes', '--no-pager', '--threshold=20', file]
      const { status, stdout } = spawnSync(systemd ?? '', confined, { encoding: 'utf8' })
      expect([status, stdout.trim().split('\n').at(-1)]).toEqual([0, expect.stringContaining('OK')])
    },
  )
})

const kubeconform = pathOfTool('kubeconform')
const SCHEMAS = join(import.meta.dirname, 'schemas')

function conform(input: string, schemas = SCHEMAS) {
  const location = join(schemas, '{{.ResourceKind}}{{.KindSuffix}}.json')
  return spawnSync(kubeconform ?? '', ['-strict', '-summary', '-schema-location', location, '-'], {
    input,
    encoding: 'utf8',
  })
}

test.skipIf(kubeconform === undefined)(
  '`schedule export` prints CronJobs that Kubernetes takes, in parts or whole',
  async () => {
    const parts = z.looseObject({ definitions: z.record(z.string(), z.unknown()) })
    const schemaOf = (name: string) => parts.parse(JSON.parse(readFileSync(join(SCHEMAS, name), 'utf8')))
    const cronJob = schemaOf('cronjob-batch-v1.json')
    const definitions = { ...schemaOf('deployment-apps-v1.json').definitions, ...cronJob.definitions }
    const schemas = temporaryDirectory()
    writeFileSync(join(schemas, 'cronjob-batch-v1.json'), JSON.stringify({ ...cronJob, definitions }))
    const here = program()
    const file = here.write(
      'policy.yaml',
      `registries:
  hub: { type: docker-registry, url: https://hub.example.com }
  corp: { type: docker-registry, url: https://corp.example.com, credential: { type: token, token: "\${CORP}" } }
policies:
  nightly: { source: hub/app, destination: corp/mirror, triggers: [{ schedule: "0 2 * * *", timezone: Asia/Tokyo }] }
  hourly: { source: hub/web, destination: corp/mirror, triggers: [{ schedule: "@hourly" }] }
`,
    )
    for (const more of [[], ['--shards', '4']]) {
      const { code, stdout, stderr } = await here.run(['schedule', 'export', file, '--format', 'kubernetes', ...more])
      expect(code, stderr).toBe(0)
      const checked = conform(stdout, schemas)
      const said = checked.stdout + checked.stderr
      expect([checked.status, said]).toEqual([0, expect.stringMatching(/Valid: 2, Invalid: 0, Errors: 0, Skipped: 0/)])
      for (const wrong of ['restartPolicies:', 'restartPolicy: 1 #']) {
        expect(conform(stdout.replaceAll('restartPolicy:', wrong), schemas).status).toBe(1)
      }
      if (more.length > 0)
        expect(conform(stdout.replaceAll(/completions: \d+/g, 'completions: all'), schemas).status).toBe(1)
    }
  },
)

describe('the manifests of Kubernetes', () => {
  const text = textOf('kubernetes.yaml')

  test.skipIf(kubeconform === undefined)('are what Kubernetes takes', () => {
    const { status, stdout } = conform(text)
    expect([status, stdout]).toEqual([0, expect.stringContaining('Valid: 5, Invalid: 0, Errors: 0, Skipped: 0')])
    for (const wrong of ['fsGroups: 10001', 'fsGroup: "many"']) {
      expect(conform(text.replace('fsGroup: 10001', wrong)).status).toBe(1)
    }
  })

  const [config, secret, claim, deployment, service] = parseAllDocuments(text).map((document): unknown =>
    document.toJS(),
  )

  test('have a configuration that is valid with the variables of their secret', async () => {
    const { data } = z.object({ data: z.object({ 'config.yaml': z.string() }) }).parse(config)
    const { stringData } = z.object({ stringData: z.record(z.string(), z.string()) }).parse(secret)
    const { code, stderr } = await program(stringData).run(['policies', 'validate', '-'], {
      stdin: data['config.yaml'],
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(Object.keys(stringData)).toContain('TEAM_HOOK_SECRET')
  })

  test('start one pod at a time, which cannot write to anything but its volumes, and is no root', () => {
    expect(claim).toMatchObject({ kind: 'PersistentVolumeClaim', spec: { accessModes: ['ReadWriteOncePod'] } })
    expect(deployment).toMatchObject({
      spec: {
        replicas: 1,
        strategy: { type: 'Recreate' },
        template: {
          spec: {
            enableServiceLinks: false,
            automountServiceAccountToken: false,
            securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
            containers: [
              {
                image: `registry.example.com/replicate:${metadata.version}`,
                args: ARGUMENTS,
                ports: [{ name: 'http', containerPort: 7080 }],
                livenessProbe: { httpGet: { path: '/healthz', port: 'http' } },
                readinessProbe: { httpGet: { path: '/readyz', port: 'http' } },
                securityContext: {
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  capabilities: { drop: ['ALL'] },
                },
              },
            ],
          },
        },
      },
    })
    expect(service).toMatchObject({ kind: 'Service', spec: { ports: [{ port: 7080, targetPort: 'http' }] } })
  })
})

test('the file of Compose has only keys that Compose knows, and starts the program of the clone', () => {
  const compose = z
    .strictObject({
      name: z.string(),
      services: z.strictObject({
        replicate: z.strictObject({
          image: z.string(),
          command: z.array(z.string()),
          env_file: z.array(z.strictObject({ path: z.string(), required: z.boolean() })),
          environment: z.record(z.string(), z.string()),
          volumes: z.array(z.string().regex(/^[\w./-]+:\/[\w./-]+(:ro)?$/)),
          tmpfs: z.array(z.string()),
          ports: z.array(z.string().regex(/^127\.0\.0\.1:\d+:\d+$/)),
          healthcheck: z.strictObject({
            test: z.array(z.string()),
            interval: z.string(),
            timeout: z.string(),
            start_period: z.string(),
          }),
          user: z.string(),
          read_only: z.literal(true),
          cap_drop: z.tuple([z.literal('ALL')]),
          security_opt: z.array(z.string()),
          stop_grace_period: z.string(),
          restart: z.literal('unless-stopped'),
        }),
      }),
      volumes: z.record(z.string(), z.object({})),
    })
    .parse(parse(textOf('compose.yaml')))
  const { command, volumes } = compose.services.replicate
  expect(command).toEqual(['node', '/app/bin/replicate.js', ...ARGUMENTS])
  expect(volumes).toContain('../..:/app:ro')
  for (const name of Object.keys(compose.volumes)) expect(volumes.some((one) => one.startsWith(`${name}:`))).toBe(true)
})

test('what a container is to listen on, as the file of Compose says, is valid', async () => {
  const text = textOf('config.yaml').replace('listen: 127.0.0.1:7080', 'listen: 0.0.0.0:7080\n  behind_proxy: true')
  const { code, stderr } = await program(SECRETS).run(['policies', 'validate', '-'], { stdin: text })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

const dashboardSchema = z.object({
  uid: z.string(),
  templating: z.object({ list: z.array(z.object({ name: z.string(), query: z.unknown() })) }),
  panels: z.array(
    z.object({
      id: z.number(),
      title: z.string(),
      gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
      targets: z.array(z.object({ refId: z.string(), expr: z.string() })),
    }),
  ),
})

describe('the dashboard of Grafana', () => {
  const dashboard = dashboardSchema.parse(JSON.parse(textOf('grafana-dashboard.json')))

  test('asks only for metrics and labels that the daemon has', async () => {
    const daemon = await daemonDouble('registries: {}\n')
    startMetrics(daemon)
    const families = parseExposition((await daemon.http.inject('/metrics')).body)
    const known = [...families].flatMap(([name, { type }]) => (type === 'histogram' ? [`${name}_bucket`] : [name]))
    const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
    const asked = expressions.flatMap((expression) => expression.match(/\b(replicate|process|nodejs)_\w+/g) ?? [])
    expect(asked.length).toBeGreaterThan(20)
    expect(asked.filter((name) => !known.includes(name))).toEqual([])
    expect(JSON.stringify(dashboard.templating)).toContain('label_values(replicate_policy_enabled, policy)')
    // Everything of its own that the daemon counts can be seen.
    const counted = known.filter((name) => /^replicate_(?!config_reloads).*(_total|_bucket)$/.test(name))
    expect(counted.filter((name) => !asked.includes(name))).toEqual([])
  })

  test('has panels that do not overlap', () => {
    const taken = new Set<string>()
    for (const { gridPos, title } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x} ${y}`), title).toBe(false)
          taken.add(`${x} ${y}`)
        }
    }
  })
})

test('the package has the deployments', () => {
  const told = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: join(folder, '..', '..'),
    encoding: 'utf8',
  })
  for (const name of [
    'config.yaml',
    'replicate.service',
    'replicate-worker.service',
    'compose.yaml',
    'kubernetes.yaml',
    'workers.yaml',
    'grafana-dashboard.json',
  ])
    expect(told).toContain(`examples/serve/${name}`)
})
