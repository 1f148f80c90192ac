/** The program as it is packed, for tests that start it: built anew where a source is newer than the last build. */

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')
const BUILT = join(ROOT, 'dist', 'cli', 'main.js')

export function buildIfStale(): void {
  const newest = Math.max(
    ...['src', 'adapters', 'package.json', 'tsconfig.json'].map((name) => newestIn(join(ROOT, name))),
  )
  if (existsSync(BUILT) && statSync(BUILT).mtimeMs > newest) return
  process.stderr.write('dist/ is older than the sources: building\n')
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] })
}

function newestIn(path: string): number {
  const { mtimeMs } = statSync(path)
  if (!statSync(path).isDirectory()) return mtimeMs
  return Math.max(mtimeMs, ...readdirSync(path).map((name) => newestIn(join(path, name))))
}
