import { GatewayError } from '../../errors.js'

/** Version that the tests run with. */
export const LIBRARY_VERSION = '3.22.1'

const LIBRARY = 'node-llama-cpp'
/** Ends of the names of builds for CPUs, and on Macs for their GPU, by platform and processor. */
const BUILDS: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'linux-arm': 'linux-armv7l',
  'linux-riscv64': 'linux-riscv64',
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
  'win32-x64': 'win-x64',
  'win32-arm64': 'win-arm64',
}

/** Circumstances of an installation. */
export interface InstallTarget {
  /** As in `process.platform`. */
  readonly platform: string
  /** As in `process.arch`. */
  readonly arch: string
  /** A file of the gateway. */
  readonly file: string
}

/**
 * Returns the command that installs the library beside the gateway, without builds for GPUs where that
 * concerns no other package.
 */
export function installCommand({ platform, arch, file }: InstallTarget): string {
  const library = `${LIBRARY}@${LIBRARY_VERSION}`
  // Beside the dependencies of a project, --omit=optional would remove those of others.
  if (!isGlobal(file)) return `npm install ${library}`
  const build = BUILDS[`${platform}-${arch}`]
  if (build === undefined) return `npm install --global ${library}`
  return `npm install --global --omit=optional --ignore-scripts ${library} @node-llama-cpp/${build}@${LIBRARY_VERSION}`
}

/** Creates the error for a library that is not installed, or a part of it. */
export function missingLibrary(part = LIBRARY): GatewayError {
  const { platform, arch } = process
  const command = installCommand({ platform, arch, file: import.meta.filename })
  return new GatewayError(
    'ERR_MODEL_LIBRARY',
    `--model needs ${LIBRARY}, and ${part} is not installed beside the gateway, or in the folder of --model-library. This command installs it: ${command}`,
  )
}

/** Checks for a path where npm installs programs for all projects. */
const isGlobal = (file: string): boolean => /[/\\](?:lib|npm)[/\\]node_modules[/\\]/.test(file)
