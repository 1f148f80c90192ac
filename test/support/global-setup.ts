/** Runs once before all tests: builds what they start, and says which real servers are missing, so that no skipped test looks like one that
 *  passed. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { missingBrowsers } from './browser.ts'
import { missingHelm } from './clients.ts'
import { buildIfStale } from './fresh-build.ts'
import { hasGitea } from './gitea.ts'
import { missingHarbor } from './harbor.ts'
import { missingMoto } from './moto.ts'
import { hasPulp } from './pulp.ts'
import { missingRedis } from './redis.ts'
import { missingSchemathesis } from './schemathesis.ts'
import { missingPrograms } from './secret-service.ts'
import { missingServers } from './servers.ts'
import { missingShells } from './shells.ts'
import { missingCheckers, missingClients } from './tools.ts'

/** Where all processes that tests start keep their compiled code: each would compile the program anew. */
let compiled: string | undefined

export function setup(): void {
  buildIfStale()
  compiled = mkdtempSync(join(tmpdir(), 'replicate-compiled-'))
  process.env.REPLICATE_TEST_COMPILED = compiled
  const clients = missingClients()
  const missing = [
    ...missingServers(),
    ...missingRedis(),
    ...missingHarbor(),
    ...missingMoto(),
    ...missingSchemathesis(),
    ...missingHelm(),
    ...missingPrograms(),
    ...missingBrowsers(),
    ...missingShells(),
    ...missingCheckers(),
    ...clients.needed,
  ]
  // What no test needs to have.
  const others = [...clients.others, ...(hasGitea() ? [] : ['gitea']), ...(hasPulp() ? [] : ['pulp'])]
  for (const name of [...missing, ...others]) process.stderr.write(`skipped: ${name} is not installed\n`)
  if (missing.length > 0 && process.env.REPLICATE_TEST_REQUIRE_SERVERS === '1') {
    throw new Error(`REPLICATE_TEST_REQUIRE_SERVERS=1, and these servers are not installed: ${missing.join(', ')}`)
  }
}

export function teardown(): void {
  if (compiled !== undefined) rmSync(compiled, { recursive: true, force: true })
}
