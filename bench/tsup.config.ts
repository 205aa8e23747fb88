import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { main: 'src/main.ts', 'rsa-lane': 'src/rsa-lane.ts' },
  format: 'esm',
  target: 'es2022',
  platform: 'node',
  clean: true,
})
