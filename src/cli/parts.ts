/** What the command line takes from the rest of the program, each part loaded when a command first needs it. */

import type { App, AppOptions } from '../app/app.ts'
import type { Known } from '../app/known.ts'
import type { CopyRequest } from '../config/copy.ts'
import type { Configuration } from '../config/load.ts'
import type { Look } from '../config/look.ts'
import type { AdapterType } from '../core/adapter.ts'
import type { Policy } from '../core/policy.ts'

export interface Parts {
  app(options: AppOptions): Promise<App>
  adapters(): Promise<readonly AdapterType[]>
  /** An adapter from outside this program, `./file.js` or `module:NAME`, relative to `cwd`; undefined for any other `type`. */
  foreignAdapter(type: string, cwd: string): Promise<AdapterType | undefined>
  /** The JSON Schema of a configuration file. */
  schema(): Promise<unknown>
  /** The commented file that `config init` writes. */
  starterFile(): Promise<string>
  /** Absolute paths of the user's configuration and of the state directory. */
  paths(options: AppOptions): Promise<{ readonly configuration: string; readonly home: string }>
  /** For the completion of commands; `files` are those that the line names. */
  known(options: AppOptions, files: readonly string[]): Promise<Known>
  /** What a reference names, for commands that only look. */
  look(reference: string, configuration: Configuration): Promise<Look>
  copyPolicy(request: CopyRequest, configuration: Configuration): Promise<Policy>
}
