/** The picture in the README is one of a real run. `npm run picture` makes it anew. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { program } from '../e2e/program.ts'
import { hasScreen } from '../e2e/terminal.ts'
import { steady } from '../guides/steady.ts'
import { startWorld } from '../guides/world.ts'
import { draw, wordsOf } from './draw.ts'
import { record } from './record.ts'

const root = join(import.meta.dirname, '..', '..')
const PICTURE = join(root, 'examples', 'run.svg')
const POLICY = /```yaml\n((?:.*\n)*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1] ?? ''
const COLUMNS = 100

test.runIf(hasScreen)('the picture of the README shows what a run of its policy looks like', async () => {
  const world = await startWorld()
  onTestFinished(() => world.close())
  const here = program({ ...world.env, TERM: 'xterm-256color', LANG: 'C.UTF-8', MIRROR_PASSWORD: 'secret' })
  here.write('policy.yaml', POLICY)
  const args = ['run', 'policy.yaml', '--bandwidth', '600KiB/s']
  const { moments, code } = await record(here, args, { columns: COLUMNS, every: 400 })
  expect(code).toBe(0)
  const prompt = [
    { text: '$ ', style: '90' },
    { text: 'replicate run policy.yaml', style: '1' },
  ]
  const typed = moments.map(({ at, lines }) => ({ at, lines: [prompt, ...lines] }))
  const drawn = draw(typed, COLUMNS)
  if (process.env.UPDATE_PICTURE === '1') writeFileSync(PICTURE, drawn)

  const [kept, now] = [wordsOf(readFileSync(PICTURE, 'utf8')), wordsOf(drawn)]
  expect(steady(kept.at(-1) ?? ''), 'it is stale: npm run picture').toBe(steady(now.at(-1) ?? ''))
  for (const frames of [kept, now]) expect(frames.some((words) => words.includes('━'))).toBe(true)
})
