/** What the pipelines of the guides run on a build server. */

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { readGuide } from './blocks.ts'
import { type } from './session.ts'
import { startWorld } from './world.ts'

const folder = join(import.meta.dirname, '..', '..', 'examples')
const { pipelines } = readGuide(join(folder, 'README.md'))

/** Every text in a document that begins as a command of the program does. */
function commandsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.split('\n').filter((line) => line.startsWith('replicate '))
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(commandsIn) : []
}

test('there are pipelines, of examples that are there', () => {
  expect(pipelines.map(({ name }) => name)).toEqual(['.github/workflows/mirror.yaml', '.gitlab-ci.yml'])
  const named = pipelines.flatMap(({ text }) => text.match(/[\w-]+-hub\.yaml/g) ?? [])
  expect(named.filter((name) => !readdirSync(folder).includes(name))).toEqual([])
})

test.each(pipelines)('$name runs', async ({ text }) => {
  const world = await startWorld()
  onTestFinished(() => world.close())
  const commands = commandsIn(parse(text))
  expect(commands).toHaveLength(1)
  const env = { ...world.env, CI: 'true', REPLICATE_MIRROR_USERNAME: 'robot', REPLICATE_MIRROR_PASSWORD: 'secret' }
  const reports = text.match(/report\.\w+/g)?.map((name) => `test -s ${name}`) ?? []
  const ended = await type([...commands, ...reports], { env, files: {} })
  expect(ended.filter(({ status }) => status !== 0)).toEqual([])
})
