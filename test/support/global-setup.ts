/** Runs once before all tests: says which real servers are missing, so that nobody takes a skipped test for a passed one. */

import { missingBrowsers } from './browser.ts'
import { missingHarbor } from './harbor.ts'
import { missingMoto } from './moto.ts'
import { missingPrograms } from './secret-service.ts'
import { missingServers } from './servers.ts'
import { missingShells } from './shells.ts'

export function setup(): void {
  const missing = [
    ...missingServers(),
    ...missingHarbor(),
    ...missingMoto(),
    ...missingPrograms(),
    ...missingBrowsers(),
    ...missingShells(),
  ]
  for (const name of missing) process.stderr.write(`skipped: ${name} is not installed\n`)
  if (missing.length > 0 && process.env.REPLICATE_TEST_REQUIRE_SERVERS === '1') {
    throw new Error(`REPLICATE_TEST_REQUIRE_SERVERS=1, and these servers are not installed: ${missing.join(', ')}`)
  }
}
