/** Images of charts by other ways than a plain run: saved plans, resumed runs, verify, repair, a tar. */

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { workplace } from '../harness.ts'
import { program, until } from '../program.ts'
import { APP, BARE, naming, SIDE, tagsOf, world } from './world.ts'

describe('images of charts, by other ways than a plain run', () => {
  test('are in a saved plan, which is refused where one has moved since', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0` })])
    const here = program(BARE)
    here.write('policy.yaml', yaml())
    const plan = () => here.run(['plan', 'policy.yaml', '--out', 'plan.jsonl'])
    expect((await plan()).code).toBe(0)
    images.add('team/app', SIDE, '1.0')
    const refused = await here.run(['run', '--plan', 'plan.jsonl'])
    expect(refused.code).toBe(3)
    expect(refused.stderr).toMatch(/team\/app:1\.0 has moved since the plan was made/)
    images.add('team/app', APP, '1.0')
    const applied = await here.run(['run', '--plan', 'plan.jsonl'])
    expect(applied, applied.stderr).toMatchObject({ code: 0 })
    expect(tagsOf(to)).toEqual({ 'mirror/shop': ['1.0.0'], 'mirror/team/app': ['1.0'] })
  })

  test('are copied by what resumes or retries a run that left them', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0` })])
    const here = workplace(BARE)
    const stop = new AbortController()
    const first = await here.run(yaml(), {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'stage' && event.stage === 'transfer') stop.abort(new Error('stopped'))
      },
    })
    expect(first.outcome.execution).toMatchObject({ status: 'stopped' })
    const resumed = await here.resume(yaml(), first.outcome.execution?.id ?? 0)
    expect(resumed).toMatchObject({ status: 'succeeded', total: 2 })
    expect(tagsOf(to)['mirror/team/app']).toEqual(['1.0'])
  })

  test('are copied after the run was killed in the middle of one', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    const [layer = 'sha256:'] = [...APP.blobs.keys()]
    let open = (): void => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    const bytes = APP.blobs.get(layer) ?? Buffer.alloc(0)
    images.repository('team/app').blobs.set(layer, {
      size: bytes.byteLength,
      async *open(offset) {
        await opened
        yield bytes.subarray(offset)
      },
    })
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0` })])
    const here = program(BARE)
    here.write('policy.yaml', yaml())
    const running = here.start(['run', 'policy.yaml'])
    await until('the image is read', () =>
      images.requests.some(({ method, route }) => method === 'GET' && route === 'blob'),
    )
    running.process.kill('SIGKILL')
    await running.ended
    open()
    const resumed = await here.run(['executions', 'resume', 'last'])
    expect(resumed, resumed.stderr).toMatchObject({ code: 0 })
    expect(tagsOf(to)).toEqual({ 'mirror/shop': ['1.0.0'], 'mirror/team/app': ['1.0'] })
  })

  test('are verified down to the last blob, and repaired', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    images.add('team/side', SIDE, 'v2')
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0`, side: `${images.host}/team/side:v2` })])
    const here = program(BARE)
    here.write('policy.yaml', yaml())
    expect((await here.run(['run', 'policy.yaml'])).code).toBe(0)
    expect(await here.run(['verify', 'policy.yaml'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('3 artifacts compared'),
    })
    to.repository('mirror/team/app').tags.clear()
    const [blob = 'sha256:'] = [...SIDE.blobs.keys()]
    to.repository('mirror/team/side').blobs.delete(blob)
    const found = await here.run(['verify', 'policy.yaml'])
    expect(found.code).toBe(1)
    expect(found.stdout).toMatch(/mirror\/team\/app:1\.0\s+missing/)
    expect(found.stdout).toContain(blob)
    const repaired = await here.run(['verify', 'policy.yaml', '--repair'])
    expect(repaired, repaired.stdout + repaired.stderr).toMatchObject({ code: 0 })
    expect(tagsOf(to)['mirror/team/app']).toEqual(['1.0'])
    expect(to.repository('mirror/team/side').blobs.has(blob)).toBe(true)
    images.repository('team/app').tags.clear()
    expect(await here.run(['verify', 'policy.yaml'])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('is not there, and charts/shop:1.0.0 names it'),
    })
  })

  test('cross an air gap in one tar with their charts', async () => {
    const { images, to, put, yaml } = await world()
    images.add('team/app', APP, '1.0')
    put([naming('1.0.0', { app: `${images.host}/team/app:1.0` })])
    const here = workplace(BARE)
    const tar = join(here.directory, 'charts.tar')
    const out = await here.run(yaml('', `tar:${tar}`))
    expect(out.outcome.execution, JSON.stringify(out.tasks)).toMatchObject({ status: 'succeeded', total: 2 })
    expect((await here.run(yaml('', `tar:${tar}`))).outcome.execution).toMatchObject({ total: 0, unchanged: 2 })
    const inside = await workplace(BARE).run(`
registries: { to: { type: docker-registry, url: "${to.url}" } }
policies: { in: { source: "tar:${tar}", destination: to/inner } }
`)
    expect(inside.outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
    expect(tagsOf(to)).toEqual({ 'inner/app': ['1.0'], 'inner/shop': ['1.0.0'] })
  })
})
