import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { measureCudaDevice } from '../src/metadata/cuda-device.js'
import { HostMeasurements } from '../src/metadata/host-metadata.js'
import { measureMemoryProtection } from '../src/metadata/memory-protection.js'
import type { SystemFiles } from '../src/metadata/system-files.js'

type Files = Readonly<Record<string, string | readonly string[] | NodeJS.ErrnoException>>

/** Gives texts for files, arrays for folders, and fails with ENOENT elsewhere. */
function host(files: Files): SystemFiles {
  const at = (path: string): string | readonly string[] => {
    const entry = files[path] ?? systemError('ENOENT')
    if (entry instanceof Error) throw entry
    return entry
  }
  return {
    read: (path) => Promise.resolve().then(() => at(path) as string),
    list: (path) => Promise.resolve().then(() => at(path) as readonly string[]),
  }
}

const systemError = (code: string): NodeJS.ErrnoException =>
  Object.assign(new Error(code), { code })

const STATUS =
  'Name:\tnode\nTracerPid:\t0\nVmLck:\t      64 kB\nVmSwap:\t       2 kB\nNoNewPrivs:\t1\nSeccomp:\t2\n'
const LIMITS =
  'Limit                     Soft Limit           Hard Limit           Units     \n' +
  'Max core file size        0                    unlimited            bytes     \n'
const SWAPS = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'

const HARDENED: Files = {
  '/proc/self/status': STATUS,
  '/proc/self/limits': LIMITS,
  '/proc/swaps': SWAPS,
  '/proc/sys/kernel/core_pattern': 'core\n',
  '/proc/sys/kernel/yama/ptrace_scope': '1\n',
  '/proc/sys/kernel/randomize_va_space': '2\n',
}

const measure = (files: Files) => measureMemoryProtection(host(files), 'linux')

describe('memory_protection', () => {
  it('has each member as the system states it', async () => {
    expect(await measure(HARDENED)).toEqual({
      platform: 'linux',
      inspector_open: false,
      core_dumps: 'disabled',
      swap: 'disabled',
      swapped_bytes: 2048,
      locked_bytes: 65536,
      traced: false,
      ptrace_scope: 1,
      no_new_privileges: true,
      seccomp: 'filter',
      address_randomization: 2,
    })
  })

  it.each([
    ['piped', { '/proc/sys/kernel/core_pattern': '|/usr/lib/systemd/systemd-coredump %P' }],
    ['enabled', { '/proc/self/limits': LIMITS.replace(' 0 ', ' unlimited ') }],
    ['enabled', { '/proc/self/limits': LIMITS.replace(' 0 ', ' 1 ') }],
  ])('has core_dumps %s', async (core_dumps, files) => {
    expect(await measure({ ...HARDENED, ...files })).toMatchObject({ core_dumps })
  })

  it.each([
    ['enabled', 'without a limit of the control group', {}],
    ['enabled', 'with a limit above none', { '/sys/fs/cgroup/a/memory.swap.max': 'max\n' }],
    [
      'disabled',
      'where the control group may use none',
      { '/sys/fs/cgroup/a/memory.swap.max': '0\n' },
    ],
  ])('has swap %s on a host with swap %s', async (swap, _where, files) => {
    const swaps = `${SWAPS}/dev/sda2   partition\t8388604\t0\t-2\n`
    const measured = await measure({
      ...HARDENED,
      '/proc/swaps': swaps,
      '/proc/self/cgroup': '1:name=systemd:/\n0::/a\n',
      ...files,
    })
    expect(measured).toMatchObject({ swap })
  })

  it('shows a tracer', async () => {
    const files = { ...HARDENED, '/proc/self/status': STATUS.replace('Pid:\t0', 'Pid:\t77') }
    expect(await measure(files)).toMatchObject({ traced: true })
  })

  it('gives a reason for each member that cannot be measured, and never a value', async () => {
    const measured = await measure({
      ...HARDENED,
      '/proc/sys/kernel/yama/ptrace_scope': systemError('EACCES'),
      '/proc/sys/kernel/randomize_va_space': 'many\n',
      '/proc/self/status': STATUS.replace('Seccomp:\t2', 'Seccomp:\t9').replace('VmLck', 'VmX'),
      '/proc/swaps': '',
    })
    expect(measured.absent).toEqual({
      ptrace_scope: 'EACCES',
      address_randomization: 'unreadable',
      seccomp: 'unreadable',
      locked_bytes: 'unreadable',
      swap: 'unreadable',
    })
    for (const name of Object.keys(measured.absent!)) expect(measured).not.toHaveProperty(name)
  })

  it('measures nothing of a system other than Linux', async () => {
    const { absent, ...facts } = await measureMemoryProtection(host(HARDENED), 'darwin')
    expect(facts).toEqual({ platform: 'darwin', inspector_open: false })
    expect(new Set(Object.values(absent!))).toEqual(new Set(['not_linux']))
  })
})

const UUID = 'GPU-9221d5d1-b60b-a624-bf14-0a1819cfda3b'
const INFORMATION = `Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 10\nGPU UUID: \t ${UUID}\nBus Location: \t 0000:62:00.0\n`
const GPUS: Files = {
  '/proc/driver/nvidia/gpus': ['0000:62:00.0'],
  '/proc/driver/nvidia/gpus/0000:62:00.0/information': INFORMATION,
  '/proc/driver/nvidia/version':
    'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023\n',
}
const salt = new Uint8Array(32).fill(7)

describe('cuda_device', () => {
  it('has the model and a salted hash of the identifier, and neither identifier nor address', async () => {
    const measured = await measureCudaDevice(host(GPUS), salt)
    expect(measured).toEqual({
      is_available: true,
      driver_version: '535.129.03',
      devices: [
        {
          model: 'NVIDIA H100 80GB HBM3',
          id_hash: createHmac('sha256', salt).update(UUID).digest('hex'),
        },
      ],
    })
  })

  it('has no hash of a device that states no identifier', async () => {
    const information = INFORMATION.replace(UUID, 'GPU-????????-????-????-????-????????????')
    const files = {
      ...GPUS,
      '/proc/driver/nvidia/gpus/0000:62:00.0/information': information,
      '/proc/driver/nvidia/version': '',
    }
    expect(await measureCudaDevice(host(files), salt)).toEqual({
      is_available: true,
      devices: [{ model: 'NVIDIA H100 80GB HBM3' }],
    })
  })

  it.each([
    ['no_driver', {}],
    ['no_device', { '/proc/driver/nvidia/gpus': [] }],
    ['EACCES', { '/proc/driver/nvidia/gpus': systemError('EACCES') }],
  ] as [string, Files][])('is absent with the reason %s', async (reason, files) => {
    expect(await measureCudaDevice(host(files), salt)).toEqual({ is_available: false, reason })
  })
})

describe('measurements of this host', () => {
  it('are repeated after ten seconds', async () => {
    let now = 0
    const measurements = new HostMeasurements(() => now)
    const first = measurements.read()
    now = 10_000
    expect(measurements.read()).toBe(first)
    now = 10_001
    expect(measurements.read()).not.toBe(first)
    expect(await first).toMatchObject({ memory_protection: { platform: process.platform } })
  })
})
