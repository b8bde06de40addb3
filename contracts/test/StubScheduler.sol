// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IScheduler} from "../interfaces/IScheduler.sol";
import {Candidate, Draw, JobTerms, Offer} from "../types/JobTypes.sol";

/// @title StubScheduler
/// @notice Test double: says what it was told to say.
contract StubScheduler is IScheduler {
    address public immutable BOARD;
    bool public DRAWS = true;
    bool public may = true;
    uint128 public price;
    address public chosen;

    constructor(address board) {
        BOARD = board;
    }

    function set(bool may_, uint128 price_) external {
        (may, price) = (may_, price_);
    }

    /// @notice From now on it takes offers, and finds this worker in all of them.
    function setChosen(address worker) external {
        (DRAWS, chosen) = (false, worker);
    }

    function quote(JobTerms calldata, Draw calldata, Candidate calldata, uint40) external view returns (bool, uint128) {
        return (may, price);
    }

    function choose(JobTerms calldata, Offer[] calldata, address[] calldata) external view returns (address, uint128) {
        return (chosen, price);
    }
}
