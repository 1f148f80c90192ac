/** A chart from elsewhere names only images that it may lead this program to. */

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { workplace } from '../harness.ts'
import { APP, BARE, naming, tagsOf, world } from './world.ts'

describe('a chart from elsewhere', () => {
  /** A directory may hold anything: what it names is not this machine's. */
  async function layout(text: string) {
    const { images, to, put, yaml } = await world()
    put([naming('1.0.0', { app: text.replace('HOST', images.host) })])
    images.add('team/app', APP, '1.0')
    const here = workplace(BARE)
    const place = join(here.directory, 'layout')
    await here.run(yaml('', `"oci:${place}"`).replace('with_images: true', 'with_images: false'))
    const run = (more = '', host = '') =>
      here.run(`
registries:
  from: { type: oci-layout, path: "${place}"${more} }
  to: { type: docker-registry, url: "${to.url}" }
${host}
policies: { in: { source: from, destination: to, with_images: true, retry: { attempts: 1, delay: 1s } } }
`)
    return { images, to, run }
  }

  test('cannot send this program to itself, unless the configuration says so', async () => {
    const { images, to, run } = await layout('HOST/team/app:1.0')
    const { outcome, tasks } = await run()
    expect(outcome.execution).toMatchObject({ status: 'failed', succeed: 1, failed: 1 })
    const failed = tasks.find(({ status }) => status === 'failed')
    expect(failed?.error?.message).toMatch(/a chart of from names an image at .* is this machine: refused/)
    expect(failed?.error?.hint).toMatch(/define a registry for 127\.0\.0\.1:/)
    expect(images.requests).toEqual([])
    const defined = await run('', `  mine: { type: docker-registry, url: "${images.url}" }`)
    expect(defined.outcome.execution).toMatchObject({ status: 'succeeded', total: 1 })
    expect(tagsOf(to)).toEqual({ shop: ['1.0.0'], 'team/app': ['1.0'] })
  })

  test('may be allowed to name an address', async () => {
    const { images, run } = await layout('HOST/team/app:1.0')
    const { outcome } = await run(`, allow_addresses: ["${images.host}"]`)
    expect(outcome.execution).toMatchObject({ status: 'succeeded', total: 2 })
  })

  test.each([
    '169.254.169.254/latest/meta:1',
    'metadata.google.internal/a/b:1',
    '[::1]:5000/a/b:1',
    'localhost:1/a/b:1',
    '127.1/a/b:1',
    '0x7f.1:80/a/b:1',
    '[::ffff:7f00:1]:5000/a/b:1',
  ])('cannot send it to %s', async (text) => {
    const { run } = await layout(text)
    const { outcome, tasks } = await run()
    expect(outcome.execution).toMatchObject({ status: 'failed', succeed: 1, failed: 1 })
    expect(tasks.find(({ status }) => status === 'failed')?.error?.message).toContain('refused')
  })

  test('cannot reach the metadata of a cloud from a repository on this machine either', async () => {
    const { put, yaml } = await world()
    put([naming('1.0.0', { app: '169.254.169.254/latest/meta:1' })])
    const { tasks } = await workplace(BARE).run(yaml())
    expect(tasks.find(({ status }) => status === 'failed')?.error?.message).toContain(
      'the metadata of its cloud: refused',
    )
  })
})
