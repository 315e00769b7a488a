export * from './driven-clock.ts';
export * from './seeded-random.ts';
