import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    main: 'src/main.ts',
    // Run in processes and threads of their own.
    'rsa-lane': 'src/gateway/rsa-lane.ts',
    'plain-server': 'src/call/plain-server.ts',
    relay: 'src/call/relay.ts',
    'cold-child': 'src/cold/cold-child.ts',
    'memory-child': 'src/memory/memory-child.ts',
  },
  format: 'esm',
  target: 'es2022',
  platform: 'node',
  removeNodeProtocol: false,
  clean: true,
})
