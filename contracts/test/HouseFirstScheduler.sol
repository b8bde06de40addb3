// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IScheduler} from "../interfaces/IScheduler.sol";
import {Candidate, Draw, JobTerms} from "../types/JobTypes.sol";
import {ticketWins} from "../types/Tickets.sol";

/// @title HouseFirstScheduler
/// @notice What a third party writes: a company's own provider may take at once, everybody else by lot.
contract HouseFirstScheduler is IScheduler {
    address public immutable BOARD;
    bool public constant DRAWS = true;
    address public immutable HOUSE;

    constructor(address board, address house) {
        (BOARD, HOUSE) = (board, house);
    }

    function quote(JobTerms calldata terms, Draw calldata draw, Candidate calldata candidate, uint40 time)
        external
        view
        returns (bool may, uint128 price)
    {
        if (draw.seed == 0 || time < draw.opensAt || time > draw.closesAt) return (false, terms.price);
        (uint256 passed, uint256 window) = (time - draw.opensAt, draw.closesAt - draw.opensAt);
        bool drawn = ticketWins(draw.seed, candidate.worker, candidate.stake, terms.stake, passed, window);
        return (drawn || candidate.provider == HOUSE, terms.price);
    }
}
