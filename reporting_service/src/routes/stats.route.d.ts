import { type RequestHandler, Router } from 'express';
export declare function createStatsRouter(getStats: RequestHandler): Router;
