import { findMongoProgram } from '@analytics/local-stack/mongoProgram';
import type { ProgramSearch } from '@analytics/local-stack/programSource';
import { findRedisProgram } from '@analytics/local-stack/redisProgram';
import { createProgress } from '@analytics/local-stack/terminal';

const search: ProgramSearch = { environment: process.env, progress: createProgress() };

/** The programs that tests run on this machine. */
export const findOwnRedis = () => findRedisProgram(search);
export const findOwnMongo = () => findMongoProgram(search);
