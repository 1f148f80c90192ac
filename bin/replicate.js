#!/usr/bin/env node
/**
 * Checks the Node version, then starts the program. Written for old Nodes too (no static import, no modern syntax), so that
 * they can say what is wrong instead of failing with a syntax error.
 */
function isSupported(version) {
  var parts = version.split('.')
  var major = Number(parts[0])
  return major > 22 || (major === 22 && Number(parts[1]) >= 19)
}

function refuse(version) {
  process.stderr.write(
    'replicate needs Node.js 22.19 or newer; this is ' +
      version +
      '\n  install it from https://nodejs.org/en/download, or with a version manager: nvm install 24, fnm install 24, mise use node@24\n',
  )
  process.exitCode = 2
}

function begin(program) {
  return program.main(process.argv)
}

function loadSource() {
  return import('../src/cli/main.ts')
}

function load() {
  if (process.env.REPLICATE_SOURCE === '1') return loadSource()
  return import('../dist/cli/main.js').catch((error) => {
    // A clone that was not built runs from source. Anything else that is missing is a broken installation.
    if (error.code === 'ERR_MODULE_NOT_FOUND' && /dist[\\/]cli[\\/]main\.js/.test(error.message)) return loadSource()
    throw error
  })
}

/** Compiled code is kept between runs, in a directory that no other user can put code into. */
function keepCompiledCode() {
  return Promise.all([import('node:module'), import('node:os'), import('node:path'), import('node:fs')]).then(
    (modules) => {
      var fs = modules[3]
      var path = modules[2]
      var directory
      var found
      try {
        // Throws for a user without a home.
        directory = path.join(process.env.XDG_CACHE_HOME || path.join(modules[1].homedir(), '.cache'), 'replicate')
        if (!path.isAbsolute(directory)) return
        fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
        found = fs.statSync(directory)
        if (process.platform === 'win32' || (found.uid === process.getuid() && (found.mode & 0o022) === 0)) {
          modules[0].enableCompileCache(directory)
        }
      } catch (_) {
        // Nothing is kept.
      }
    },
  )
}

if (isSupported(process.versions.node)) keepCompiledCode().then(load).then(begin)
else refuse(process.versions.node)
